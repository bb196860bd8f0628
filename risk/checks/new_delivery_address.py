"""NEW_DELIVERY_ADDRESS: the goods go to an address that was changed a few days ago."""

from risk.checks._relations import CHANGED_DAYS
from risk.checks._ssi import changed_ssi_rows
from risk.checks.base import Check

NEW_DELIVERY_ADDRESS = Check(
    code="NEW_DELIVERY_ADDRESS",
    title="New delivery address",
    severity="WARN",
    precedence=23,
    rows=changed_ssi_rows("asset_kind = 'GOODS'"),
    message="The delivery address of {subject} changed: {actual}.",
    fix="Let the customer confirm the address before the goods leave.",
    example="A large order to a warehouse that the customer named yesterday.",
    parameters={"days": "10"},
    meanings={
        "days": f"for how many days a delivery address counts as new; no more than {CHANGED_DAYS} are looked at"
    },
    bounds={"days": ("0", str(CHANGED_DAYS))},
    overridable=True,
)

"""Billing terms: until when an invoice is to be paid, when fees are billed, and who credits alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from refdata.kinds.base import Field, Kind, RowFault, one_of
from refdata.models import BillingTerms

_DAYS_MAX = 365


class BillingTermsKind(Kind):
    """`entity` is the code of who bills, `party` of who is billed, `product` a product; `*` is every one.

    The most specific row holds: by party, then product, then entity. `days` counts calendar days from the invoice's
    date, `end_of_month` moves the due date on to the last day of its month. `services` are billed on DELIVERY, or on
    the DATE on which their period or milestone ends if that comes first; `fees` of other deals for each TRADE, or each
    MONTH in one statement. One person credits less than `credit_alone_below`, in the invoice's currency; two above.
    """

    code = "billing-terms"
    subject = "billing_terms"
    table = "refdata_billing_terms"
    key = ("entity", "party", "product")
    fields = {
        "entity": Field(str, "text"),
        "party": Field(str, "text"),
        "product": Field(str, "text"),
        "days": Field(int, "smallint"),
        "end_of_month": Field(bool, "boolean", default=False),
        "services": Field(str, "text", default="DATE"),
        "fees": Field(str, "text", default="TRADE"),
        "credit_alone_below": Field(Decimal, "numeric", default=Decimal(0), digits=(15, 4)),
    }
    filters = {"entity": "t.entity = %s", "party": "t.party = %s", "product": "t.product = %s"}
    example = {
        "entity": "*",
        "party": "CUST-ALDERNEY",
        "product": "GOODS",
        "days": 14,
        "end_of_month": True,
        "services": "DATE",
        "fees": "MONTH",
        "credit_alone_below": "250.00",
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        yield from one_of("services", row["services"], BillingTerms.Services.values)
        yield from one_of("fees", row["fees"], BillingTerms.Fees.values)
        if not 0 <= row["days"] <= _DAYS_MAX:
            yield RowFault("days", f"Calendar days, from 0 to {_DAYS_MAX}.")
        if row["credit_alone_below"] < 0:
            yield RowFault("credit_alone_below", "Nothing below zero.")


BILLING_TERMS = BillingTermsKind()

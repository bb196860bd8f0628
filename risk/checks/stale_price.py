"""STALE_PRICE: there is no fresh price to hold the deal's own against."""

from risk.checks.base import Check

_LAST = (
    "(SELECT max(c.date) FROM refdata_close_price c"
    " WHERE c.instrument_id = b.instrument_id AND c.date <= b.trade_date)"
)

STALE_PRICE = Check(
    code="STALE_PRICE",
    title="No fresh price",
    severity="WARN",
    precedence=53,
    condition=(
        "b.instrument_id IS NOT NULL AND b.price IS NOT NULL"
        " AND (b.close_date < b.trade_date - {days}::int"
        f" OR b.close IS NULL AND (b.liquidity_class <> '' OR {_LAST} IS NOT NULL))"
    ),
    subject="'instrument'",
    expected="'a price at most ' || {days} || ' days old'",
    actual=f"coalesce({_LAST}::text, 'none')",
    message="The price of the deal could not be judged: the last price of the instrument is {actual}, not {expected}.",
    fix="Load the prices of the instrument; then re-check.",
    example="A share whose prices stopped when its feed lost the identifier.",
    parameters={"days": "5"},
    meanings={
        "days": "how old the last price may be, in days before the trade date; older than 10 counts as none"
    },
    bounds={"days": ("0", "10")},
)

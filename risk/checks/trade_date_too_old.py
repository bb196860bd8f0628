"""TRADE_DATE_TOO_OLD: the deal is reported late."""

from risk.checks.base import Check

TRADE_DATE_TOO_OLD = Check(
    code="TRADE_DATE_TOO_OLD",
    title="Trade date long past",
    severity="WARN",
    precedence=43,
    condition="b.trade_date < %(today)s::date - {days}::int",
    subject="'trade_date'",
    expected="'within ' || {days}::int || ' days'",
    actual="b.trade_date",
    message="The trade date {actual} is not {expected} of today.",
    fix="Ask the front office why the deal comes late.",
    example="A deal of last year that is captured today.",
    parameters={"days": "30"},
    meanings={"days": "how many days before the business date a trade date may lie"},
    bounds={"days": ("0", "36500")},
    overridable=True,
)

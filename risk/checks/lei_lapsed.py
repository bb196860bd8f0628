"""LEI_LAPSED: the legal entity identifier of the party was not renewed."""

from risk.checks.base import Check

LEI_LAPSED = Check(
    code="LEI_LAPSED",
    title="LEI lapsed",
    severity="WARN",
    precedence=72,
    condition="b.lei_valid_to < b.trade_date",
    subject="'counterparty'",
    expected="b.lei_valid_to",
    actual="b.party_code",
    message="The LEI of {actual} had to be renewed by {expected}.",
    fix="Ask the party to renew it, and load the new date: reports of the deal may be refused.",
    example="A fund that forgot the yearly renewal.",
)

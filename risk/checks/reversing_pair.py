"""REVERSING_PAIR: the deal undoes one with the same party that was done shortly before."""

from risk.checks.base import Check

REVERSING_PAIR = Check(
    code="REVERSING_PAIR",
    title="Reversing pair",
    severity="WARN",
    precedence=68,
    rows="""
        SELECT b.trade_id, 'counterparty' AS subject, 'no deal that undoes it' AS expected, min(n.other) AS actual
        FROM nearby n JOIN batch b ON b.trade_id = n.trade_id
        WHERE n.opposite AND n.same_size AND n.counterparty_ref = b.counterparty_ref AND n.book_ref = b.book_ref
          AND n.apart BETWEEN - {minutes} * interval '1 minute' AND {minutes} * interval '1 minute'
        GROUP BY b.trade_id
    """,
    message="The deal undoes {actual}, of the same size with the same party.",
    fix="Ask the desk for the purpose; where one corrects the other, cancel both and book the right one.",
    example="1,000 bought and, five minutes later, 1,000 sold by the same trader to the same party.",
    parameters={"minutes": "15"},
    overridable=True,
)

"""The work items of the journal: balances that were wrong."""

from __future__ import annotations

from core import sql
from core.as_of import AsOf
from trades.work_items import About, Facts, WorkKind

WRONG = "WRONG_JOURNAL"
JOURNAL = "journal"  # the subject of a book's journal in the log; its id is the book's

_TOLD = """
SELECT k.code, e.recorded_at, e.data FROM refdata_book k
LEFT JOIN core_event e ON e.subject = 'journal' AND e.subject_id = k.id AND e.type = 'journal.corrected'
    AND e.data->>'asset' = %(member)s AND (%(as_at)s::timestamptz IS NULL OR e.recorded_at <= %(as_at)s)
WHERE k.id = %(book)s ORDER BY e.id DESC LIMIT 50
"""


def _facts(about: About, as_of: AsOf) -> Facts:
    """Return which balances of a book's journal were wrong by then, the latest first."""
    told = sql.rows(_TOLD, {"book": about.subject_id, "member": about.member, "as_at": as_of.as_at})
    rows = [
        (f"{at:%Y-%m-%d %H:%M} UTC", data["what"], data["kept"], data["told"])
        for _, at, text in told
        if at is not None and (data := sql.json_value(text))
    ]
    book = told[0][0] if told else ""
    return Facts(
        f"Journal of {book} in {about.member}",
        ("Found", "What", "Was", "Positions and lots say"),
        rows,
        (book, about.member),
    )


KINDS = (
    WorkKind(
        code=WRONG,
        title="wrong balance",
        severity="WARN",
        mark="WRONG_JOURNAL",
        next_action="Find out why the journal was not what positions and lots say, before it was posted anew.",
        answered="A person says what was behind it.",
        by_hand=True,
        facts=_facts,
    ),
)

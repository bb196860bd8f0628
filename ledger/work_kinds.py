"""The work items of positions: sales that a book refuses, and figures that were wrong."""

from __future__ import annotations

from core import sql
from core.as_of import AsOf
from trades.work_items import About, Facts, WorkKind

SHORT_SALE = "SHORT_SALE"
WRONG = "WRONG_POSITION"
POSITION = "position"  # the subject of a book's positions in the log; its id is the book's

_TOLD = """
SELECT k.code, e.recorded_at, e.data FROM refdata_book k
LEFT JOIN core_event e ON e.subject = 'position' AND e.subject_id = k.id AND e.type = 'position.corrected'
    AND e.data->>'asset' = %(member)s AND (%(as_at)s::timestamptz IS NULL OR e.recorded_at <= %(as_at)s)
WHERE k.id = %(book)s ORDER BY e.id DESC LIMIT 50
"""


def _facts(about: About, as_of: AsOf) -> Facts:
    """Return what was wrong of a book's position by then, the latest first."""
    told = sql.rows(_TOLD, {"book": about.subject_id, "member": about.member, "as_at": as_of.as_at})
    rows = [
        (f"{at:%Y-%m-%d %H:%M} UTC", data["what"], data["kept"], data["told"])
        for _, at, text in told
        if at is not None and (data := sql.json_value(text))
    ]
    book = told[0][0] if told else ""
    return Facts(
        f"Position of {book} in {about.member}",
        ("Found", "What", "Was", "The trades add up to"),
        rows,
        (book, about.member),
    )


KINDS = (
    WorkKind(
        code=SHORT_SALE,
        title="sold more than is held",
        severity="WARN",
        mark="SHORT_SALE",
        next_action="Have the sale corrected or the missing purchase sent, or let two people allow shorts to the book.",
        answered="The book holds what is sold, may go short, or the sale is cancelled.",
    ),
    WorkKind(
        code=WRONG,
        title="wrong position",
        severity="WARN",
        mark="WRONG_POSITION",
        next_action="Find out why the trades did not add up to the position, which was put right, and say so.",
        answered="A person says what was behind it.",
        by_hand=True,
        facts=_facts,
    ),
)

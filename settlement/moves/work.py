"""Whose move it is of what people work on: held trades, work items that hold none, and proposals."""

from __future__ import annotations

from settlement.moves.base import Mover, Population, Rule
from trades.lifecycle import State

# A held trade's items that hold it, the first by who can end it soonest. `%(blocking)s`: the kinds that hold.
_TURNS = "ARRAY['OPERATIONS', 'RISK', 'FRONT_OFFICE', 'REFERENCE_DATA', 'BACK_OFFICE']"
HELD_BY = f"""
    LEFT JOIN LATERAL (
        SELECT x.id, x.kind, x.move, coalesce(x.reopened_at, x.opened_at) AS since,
               coalesce(g.name, u.username, '') AS who
        FROM trades_exception x LEFT JOIN auth_group g ON g.id = x.team_id LEFT JOIN auth_user u ON u.id = x.owner_id
        WHERE x.trade_id = s.trade_id AND x.closed_at IS NULL AND x.kind = ANY(%(blocking)s::text[])
        ORDER BY array_position({_TURNS}, x.move), x.id LIMIT 1
    ) x ON true
    LEFT JOIN LATERAL (
        SELECT r.id, r.made_at FROM core_proposal r
        WHERE r.subject = 'trade' AND r.subject_id = s.trade_id AND r.state = 'PENDING' ORDER BY r.id LIMIT 1
    ) r ON true"""
_ITEM = "settlement_public_id('exc', x.id)"
_MOVES = (
    (Mover.RISK, "an exception that is risk's to decide", "Decide what the exception asks of risk."),
    (Mover.FRONT_OFFICE, "an exception put to the front office", "Answer what operations ask, or correct the deal."),
    (
        Mover.REFERENCE_DATA,
        "an exception that waits for reference data",
        "Complete the reference data; the trade is then checked again by itself.",
    ),
    (Mover.BACK_OFFICE, "an exception that is the back office's", "Answer what operations ask of it."),
)  # fmt: skip


def _by_move(prefix: str, last: Rule) -> tuple[Rule, ...]:
    """Return a rule for each move that an item may have; `last` takes operations' and what has none."""
    return (
        *(
            Rule(
                f"{prefix}_{mover.name}",
                title,
                mover,
                next,
                when=f"x.move = '{mover.name}'",
                since="x.since",
                evidence=_ITEM,
                who="x.who",
            )
            for mover, title, next in _MOVES
        ),
        last,
    )


HELD = (
    Rule(
        "HELD_FOR_APPROVAL",
        "held, and what would free it awaits approval",
        Mover.APPROVER,
        "Approve or decline what was proposed for it.",
        when="r.id IS NOT NULL",
        since="r.made_at",
        evidence="settlement_public_id('prp', r.id)",
    ),
    *_by_move(
        "HELD",
        Rule(
            "HELD_OPERATIONS",
            "held: an exception that is operations' to work",
            Mover.OPERATIONS,
            "Work its exception: repair it, have it accepted, or reject it.",
            when="true",
            since="coalesce(x.since, s.changed_at)",
            evidence=f"coalesce({_ITEM}, settlement_public_id('trd', s.trade_id))",
            who="coalesce(x.who, '')",
        ),
    ),
)

_NO_TRADE = {"channel": "NULL::text", "value_date": "NULL::date"}
ITEMS = Population(
    code="ITEM",
    title="work items that hold no trade",
    record="EXCEPTION",
    source="""(
        SELECT x.*, coalesce(x.reopened_at, x.opened_at) AS since, coalesce(g.name, u.username, '') AS who
        FROM trades_exception x LEFT JOIN auth_group g ON g.id = x.team_id LEFT JOIN auth_user u ON u.id = x.owner_id
        WHERE x.closed_at IS NULL
    ) x LEFT JOIN trades_state s ON s.trade_id = x.trade_id
    LEFT JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version""",
    # A fail is answered for by the instruction that failed.
    where="(x.trade_id IS NULL OR NOT (x.kind = ANY(%(blocking)s::text[]))) AND x.kind <> 'FAIL'",
    key="x.id",
    order="x.id",
    trade="x.trade_id",
    party="v.counterparty_id",
    asset="%(base)s",
    quantity="x.amount_at_risk",
    money="x.amount_at_risk IS NOT NULL",
    holds_book="v.book_id = %(book)s",
    rules=_by_move(
        "ITEM",
        Rule(
            "ITEM_OPERATIONS",
            "a work item of operations that holds no trade",
            Mover.OPERATIONS,
            "Do what the work item says, or close it by what was found.",
            when="true",
            since="x.since",
            evidence=_ITEM,
            who="x.who",
        ),
    ),
    **_NO_TRADE,
)
PROPOSALS = Population(
    code="PROPOSAL",
    title="proposals",
    record="PROPOSAL",
    source="""core_proposal r
        LEFT JOIN trades_state s ON r.subject = 'trade' AND s.trade_id = r.subject_id
        LEFT JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version""",
    # What is proposed of a held trade, or of a batch that awaits its release, is answered for by these.
    where=f"""r.state = 'PENDING' AND r.kind <> 'release_batch'
        AND (s.state = {State.EXCEPTION.value}) IS NOT TRUE""",
    key="r.id",
    order="r.id",
    trade="s.trade_id",
    party="v.counterparty_id",
    asset="v.currency",
    quantity="v.net_amount",
    money="v.currency IS NOT NULL",
    holds_book="v.book_id = %(book)s",
    rules=(
        Rule(
            "AWAITS_APPROVAL",
            "a change that awaits a second person",
            Mover.APPROVER,
            "Approve or decline what was proposed.",
            when="true",
            since="r.made_at",
            evidence="settlement_public_id('prp', r.id)",
            who="r.kind",
        ),
    ),
    **_NO_TRADE,
)

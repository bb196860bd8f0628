"""THE table of moves: for each population of unfinished records, in order, who must act, since when, and by what proof.

Parameters of its SQL: `%(now)s`, `%(today)s` (the business date), `%(past)s` (the latest value date whose cut-off has
passed everywhere), `%(blocking)s` (kinds of work items that hold a trade) and `%(base)s` (the base currency).

A trade that is INSTRUCTED or later is answered for by its instructions and waiting legs. A recalled instruction is
answered for by the instruction that cancels it, once there is one. What was rejected is answered for by its trade,
which is held.
"""

from __future__ import annotations

from settlement.moves import work
from settlement.moves.base import Mover, Population, Rule
from settlement.moves.instructions import ACCEPTED, RECALLED, REFUSED, TROUBLED, UNANSWERED
from trades.lifecycle import State

_VERSION = "trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version"
_LAST_EVENT = """(SELECT settlement_public_id('evt', e.id) FROM core_event e
    WHERE e.subject_id = s.trade_id AND e.subject = 'trade' ORDER BY e.id DESC LIMIT 1)"""


def _trades(state: State, title: str, *rules: Rule, source: str = "") -> Population:
    """Return the population of the trades in a state."""
    return Population(
        code=state.name,
        title=title,
        record="TRADE",
        source=_VERSION + source,
        where=f"s.state = {state.value}",
        key="s.trade_id",
        order="s.trade_id",
        trade="s.trade_id",
        channel="NULL::text",
        party="v.counterparty_id",
        value_date="v.settlement_date",
        asset="v.currency",
        quantity="v.net_amount",
        money="true",
        holds_book="v.book_id = %(book)s",
        rules=rules,
    )


_CAPTURED = _trades(
    State.CAPTURED,
    "captured and not checked yet",
    Rule(
        "CHECKS_SET_ASIDE",
        "its checks failed again and again",
        Mover.OPERATIONS,
        "Find out why the checks cannot look at it, and retry the work.",
        when="""s.trade_id IN (SELECT unnest(w.subject_ids) FROM core_work w
                WHERE w.task = 'risk.check' AND (w.attempts >= 5 OR w.crashes >= 3))""",
        since="s.changed_at",
        evidence=_LAST_EVENT,
    ),
    Rule(
        "UNCHECKED",
        "waits for its checks",
        Mover.SYSTEM,
        "The checks run next, by themselves.",
        when="true",
        since="s.changed_at",
        evidence=_LAST_EVENT,
    ),
)
_VALIDATED = _trades(
    State.VALIDATED,
    "validated and not sealed yet",
    Rule(
        "NOT_SEALED",
        "its value date has passed unsealed",
        Mover.OPERATIONS,
        "See why no seal took it, then amend it or seal it by hand.",
        when="v.settlement_date < %(today)s AND v.settlement_date <= %(past)s",
        since="s.changed_at",
        evidence=_LAST_EVENT,
    ),
    Rule(
        "SEAL_DUE",
        "its cut-off has passed",
        Mover.SYSTEM,
        "The next seal takes it, by itself.",
        when="v.settlement_date <= %(past)s",
        since="s.changed_at",
        evidence=_LAST_EVENT,
    ),
    Rule(
        "WAITS_FOR_CUT_OFF",
        "waits for its cut-off",
        Mover.TIME,
        "It is sealed at its cut-off, by itself.",
        when="true",
        since="s.changed_at",
        evidence=_LAST_EVENT,
    ),
)
# Several parts of a leg may wait: they are one record.
_PARTS = "p.trade_id = o.trade_id AND p.leg = o.leg AND p.version = o.version AND p.instruction_id IS NULL"
_LEGS = Population(
    code="LEG",
    title="legs of a later date",
    record="LEG",
    source="""settlement_obligation o
        JOIN trades_state s ON s.trade_id = o.trade_id AND s.version = o.version
        JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version""",
    where=f"""o.instruction_id IS NULL
        AND NOT EXISTS (SELECT FROM settlement_obligation p
                        WHERE {_PARTS} AND (p.attempt, p.part) < (o.attempt, o.part))
        AND s.state IN ({State.INSTRUCTED.value}, {State.HANDED_OFF.value}, {State.ACKNOWLEDGED.value})""",
    key="(o.trade_id << 20) + o.leg",
    order="o.trade_id, o.leg",
    trade="o.trade_id",
    channel="CASE o.asset_kind WHEN 'SECURITY' THEN 'SECURITIES' ELSE o.asset_kind END",
    party="v.counterparty_id",
    value_date="o.value_date",
    asset="o.asset",
    quantity=f"(SELECT sum(p.quantity) FROM settlement_obligation p WHERE {_PARTS})",
    money="o.asset_kind = 'CASH'",
    holds_book="v.book_id = %(book)s",
    rules=(
        Rule(
            "LEG_NOT_SEALED",
            "a later leg whose value date has passed unsealed",
            Mover.OPERATIONS,
            "See why no seal took the leg, then amend the trade or seal by hand.",
            when="o.value_date < %(today)s AND o.value_date <= %(past)s",
            since="s.changed_at",
            evidence=_LAST_EVENT,
        ),
        Rule(
            "LEG_SEAL_DUE",
            "a later leg whose cut-off has passed",
            Mover.SYSTEM,
            "The next seal takes it, by itself.",
            when="o.value_date <= %(past)s",
            since="s.changed_at",
            evidence=_LAST_EVENT,
        ),
        Rule(
            "LEG_WAITS",
            "a later leg that waits for its cut-off",
            Mover.TIME,
            "It is sealed at its own cut-off, by itself.",
            when="true",
            since="s.changed_at",
            evidence=_LAST_EVENT,
        ),
    ),
)
_HELD = _trades(State.EXCEPTION, "held as exceptions", *work.HELD, source=work.HELD_BY)

POPULATIONS: tuple[Population, ...] = (
    _CAPTURED, _HELD, _VALIDATED, _LEGS, UNANSWERED, TROUBLED, ACCEPTED, RECALLED, REFUSED, work.ITEMS, work.PROPOSALS,
)  # fmt: skip
RULES: dict[str, tuple[Population, Rule]] = {
    rule.code: (population, rule) for population in POPULATIONS for rule in population.rules
}

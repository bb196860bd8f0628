"""Changes of SSIs: made by two people, who both see which open trades they would re-route.

A proposal is about one party, so that ending one account and beginning the next is one change. What it comes to is
observed: the rows are loaded, the choice is made anew, and all of it is undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor
from core.http.problem import Fault, Problem, not_found
from core.ids import INSTRUCTION, TRADE, public_id
from core.models import Proposal
from core.money import format_amount, format_number
from core.text import text_faults
from refdata.services import KINDS, load_rows
from refdata.ssi_choice import NARROWINGS, chosen_sql
from settlement.services._sealing import legs_of_sql
from trades.lifecycle import LIVE_STATES

KIND = "ssi_change"
SUBJECT = "party"
MAX_ROWS = 100
TRADES_MOST = 100_000  # open trades of the party that are looked at, the latest first
LISTED = 200
_MATERIAL = Decimal("0.1")  # a tenth more or less than was shown is shown anew


@dataclass(frozen=True)
class Total:
    """What is re-routed of one asset: of trades to be instructed, or, `sealed`, of what keeps the SSI it was sealed
    with."""

    sealed: bool
    asset_kind: str
    asset: str
    trades: int
    quantity: str


@dataclass(frozen=True)
class Effect:
    """What a change would re-route. `items` are the first of its legs, `partial` says that more trades are open than
    were looked at."""

    trades: int = 0
    instructions: int = 0
    partial: bool = False
    totals: tuple[Total, ...] = ()
    items: tuple[Mapping[str, Any], ...] = ()

    def summary(self) -> dict[str, Any]:
        """Return the effect without its legs, as data for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "items"}


@dataclass(frozen=True)
class Foreseen:
    """What a change would do: the party it is about, its rows before and after, and what it re-routes."""

    party_id: int
    party: str
    changes: list[dict[str, Any]] = field(default_factory=list)
    effect: Effect = Effect()


def foresee(*, rows: Sequence[Any], now: datetime) -> Foreseen:
    """Return what loading rows of SSIs, all of one party, would do; nothing is stored.

    Problem 422 naming every fault, 409 when nothing would change.
    """
    with transaction.atomic():
        found = _foreseen(rows, now)
        transaction.set_rollback(True)
    return found


def propose_ssi_change(
    *,
    rows: Sequence[Any],
    reason: str,
    user: AbstractBaseUser | None,
    actor: Actor,
    now: datetime,
    client_id: int | None = None,
) -> int:
    """Propose new or other SSIs of one party, for a second person to approve; return the proposal's id.

    rows: as the loader takes them. Problem 422 and 409 as `foresee` refuses, 422 without a reason, 409 when another
    proposal for the party's SSIs waits.
    """
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "This cannot be proposed.", faults=faults)
    foreseen = foresee(rows=rows, now=now)
    return four_eyes.propose(
        kind=KIND,
        subject=SUBJECT,
        subject_id=foreseen.party_id,
        content={
            "party": foreseen.party,
            "rows": [dict(each) for each in rows],
            "changes": foreseen.changes,
            "effect": foreseen.effect.summary(),
        },
        user=user,
        client_id=client_id,
        reason=reason,
        now=now,
        actor=actor,
    )


def foresee_proposal(*, content: Mapping[str, Any], now: datetime) -> Foreseen | Problem:
    """Return what a proposal would do now, or why it could not be carried out any more."""
    try:
        return foresee(rows=content["rows"], now=now)
    except Problem as problem:
        return problem


def approve_ssi_change(
    *, proposal_id: int, user: AbstractBaseUser, note: str, actor: Actor, now: datetime, seen: str = ""
) -> Proposal:
    """Store proposed SSIs; refuses as `four_eyes.approve`.

    seen: the summary of the effect that the approver was shown, as JSON; what the proposal says where it is empty.
    Problem 409 when the effect is materially other than that, or when the SSIs are no longer what they were.
    """
    proposal = Proposal.objects.filter(id=proposal_id, kind=KIND).first()
    if proposal is None:
        raise not_found("proposal")
    shown = proposal.content["effect"]
    with suppress(msgspec.DecodeError):
        shown = msgspec.json.decode(seen) if seen else shown
    foreseen = (
        None
        if proposal.state != Proposal.State.PENDING
        else foresee_proposal(content=proposal.content, now=now)
    )
    if isinstance(foreseen, Foreseen) and materially_other(shown, foreseen.effect.summary()):
        why = "What it re-routes has changed since it was shown. Look at it again, then decide."
        raise Problem(409, "effect-changed", "The effect is no longer what was shown.", detail=why)
    return four_eyes.approve(proposal_id=proposal_id, user=user, note=note, now=now, actor=actor, kind=KIND)


def apply_ssi_change(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store the SSIs that two people want; Problem 409 when they would do something else than was proposed."""
    content = proposal.content
    before = _stored(proposal.subject_id)
    _load(content["rows"], at, actor=actor, reason=proposal.reason, status=409)
    if _changes(before, _stored(proposal.subject_id)) != content["changes"]:
        raise Problem(409, "ssi-changed", "The SSIs are no longer what they were when this was proposed.")


def materially_other(shown: Any, now: Mapping[str, Any]) -> bool:
    """Tell whether an effect must be shown anew: of an asset a tenth more or less, or another asset."""
    if not isinstance(shown, dict) or not isinstance(shown.get("totals"), (list, tuple)):
        return True
    before, after = _by_asset(shown["totals"]), _by_asset(now["totals"])
    return (
        before is None
        or after is None
        or before.keys() != after.keys()
        or any(abs(value - before[key]) > _MATERIAL * before[key] for key, value in after.items())
    )


def _by_asset(totals: Sequence[Any]) -> dict[tuple[Any, ...], Decimal] | None:
    try:
        return {(each["sealed"], each["asset"]): Decimal(each["quantity"]) for each in totals}
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None


# --- what it comes to


def _foreseen(rows: Sequence[Any], now: datetime) -> Foreseen:
    """Load the rows, and return what became of it; the caller undoes it."""
    if not 1 <= len(rows) <= MAX_ROWS:
        raise _refused([Fault("/rows", f"1 to {MAX_ROWS} rows.", "length")])
    party_id, code = _party(rows)
    before = _stored(party_id)
    partial = _look_at_legs(party_id)
    _load(rows, now, actor=Actor("system:preview"), reason="", status=422)
    changes = _changes(before, _stored(party_id))
    if not changes:
        raise Problem(409, "nothing-changes", "The SSIs say this already.")
    return Foreseen(party_id, code, changes, _effect(partial=partial))


def _party(rows: Sequence[Any]) -> tuple[int, str]:
    names = {each.get("party") if isinstance(each, Mapping) else None for each in rows}
    texts = [each for each in names if isinstance(each, str)]
    found = sql.rows(
        "SELECT id, code FROM refdata_party WHERE code = ANY(%(n)s) OR lei = ANY(%(n)s)", {"n": texts}
    )
    if not found:
        raise _refused([Fault("/rows/0/party", "There is no such party.", "unknown")])
    if len(found) > 1 or len(texts) != len(names):
        raise _refused([Fault("/rows", "All rows are of one party.", "parties")])
    return int(found[0][0]), str(found[0][1])


def _load(rows: Sequence[Any], now: datetime, *, actor: Actor, reason: str, status: int) -> None:
    report = load_rows(kind="ssis", rows=rows, mode="atomic", actor=actor, now=now, reason=reason)
    faults = [
        Fault(
            f"/rows/{result.number - 1}{f'/{fault.field}' if fault.field else ''}", fault.detail, fault.code
        )
        for result in report.results
        for fault in result.faults
    ]
    if faults:
        raise _refused(faults, status)


def _refused(faults: Sequence[Fault], status: int = 422) -> Problem:
    return Problem(status, "invalid", "The SSIs cannot be so.", faults=faults)


def _stored(party_id: int) -> dict[int, dict[str, Any]]:
    kind = KINDS["ssis"]
    found = sql.rows(f"{kind.select} WHERE t.party_id = %s ORDER BY t.id", [party_id])
    return {
        row[0]: {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in kind.as_row(row).items()
        }
        for row in found
    }


def _changes(
    before: Mapping[int, dict[str, Any]], after: Mapping[int, dict[str, Any]]
) -> list[dict[str, Any]]:
    return [
        {"before": before.get(ssi_id), "after": row}
        for ssi_id, row in after.items()
        if before.get(ssi_id) != row
    ]


_ALIKE = ", ".join(("asset_kind", "ssi_key", "value_date", *NARROWINGS))
_ROUTE = f"""(
    SELECT concat_ws(' ', nullif(c.account, ''), nullif(c.agent_bic, ''), nullif(c.place_of_settlement, ''),
                     nullif(c.delivery_address, ''))
    FROM refdata_ssi c WHERE c.id = {chosen_sql("n")}
)"""
_OPEN = ", ".join(str(state.value) for state in LIVE_STATES)
# What is settled, or of trades that are, is not open any more. What is sealed and may still be done is.
_LEGS = f"""
DROP TABLE IF EXISTS pg_temp.ssi_leg, pg_temp.ssi_need;
CREATE TEMPORARY TABLE ssi_leg ON COMMIT DROP AS
WITH current AS MATERIALIZED (
    SELECT v.*, k.code AS book
    FROM trades_state s
    JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
    LEFT JOIN refdata_book k ON k.id = v.book_id
    WHERE s.state IN ({_OPEN}) AND (v.counterparty_id = %(party)s OR k.entity_id = %(party)s)
    ORDER BY s.trade_id DESC LIMIT %(most)s
), {legs_of_sql("current")}
SELECT l.trade_id, l.asset_kind, l.asset, l.direction, l.quantity, l.value_date, l.ssi_key, c.product, c.currency,
       coalesce(i.market, '') AS market, coalesce(c.book, '') AS book, o.instruction_id
FROM leg l
JOIN current c ON c.trade_id = l.trade_id
LEFT JOIN refdata_instrument i ON i.id = c.instrument_id
LEFT JOIN LATERAL (
    SELECT o.instruction_id, s.settlement
    FROM settlement_obligation o
    JOIN settlement_instruction_state s ON s.instruction_id = o.instruction_id
    WHERE o.trade_id = l.trade_id AND o.leg = l.leg AND s.processing <> 'REJECTED'
      AND NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = o.instruction_id)
    ORDER BY o.attempt DESC LIMIT 1
) o ON true
WHERE l.ssi_key IS NOT NULL AND o.settlement IS DISTINCT FROM 'SETTLED';
CREATE TEMPORARY TABLE ssi_need ON COMMIT DROP AS
SELECT n.*, {_ROUTE} AS route
FROM (SELECT DISTINCT %(party)s::bigint AS party_id, {_ALIKE} FROM ssi_leg) AS n;
"""
_REROUTED = f"""
WITH changed AS MATERIALIZED (
    SELECT * FROM (SELECT n.*, {_ROUTE} AS route_then FROM ssi_need n) AS n WHERE route IS DISTINCT FROM route_then
), rerouted AS MATERIALIZED (
    SELECT l.*, c.route, c.route_then FROM ssi_leg l JOIN changed c USING ({_ALIKE})
)
"""
_TOTALS = f"""{_REROUTED}
SELECT instruction_id IS NOT NULL, asset_kind, asset, count(DISTINCT trade_id), sum(quantity)
FROM rerouted GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_COUNTS = f"{_REROUTED} SELECT count(DISTINCT trade_id), count(DISTINCT instruction_id) FROM rerouted"
_ITEMS = f"""{_REROUTED}
SELECT trade_id, instruction_id, asset_kind, asset, direction, quantity, value_date, route, route_then
FROM rerouted ORDER BY value_date, trade_id, asset_kind, asset, direction, quantity LIMIT {LISTED}
"""


def _look_at_legs(party_id: int) -> bool:
    """Note what the open legs of a party settle by; tell whether there are more than were looked at."""
    sql.run(_LEGS, {"party": party_id, "most": TRADES_MOST})
    return sql.row("SELECT count(DISTINCT trade_id) >= %s FROM ssi_leg", [TRADES_MOST]) == (True,)


def _effect(*, partial: bool) -> Effect:
    (counts,) = sql.rows(_COUNTS)
    effect = Effect(
        trades=counts[0],
        instructions=counts[1],
        partial=partial,
        totals=tuple(
            Total(sealed, kind, asset, trades, _written(kind, asset, quantity))
            for sealed, kind, asset, trades, quantity in sql.rows(_TOTALS)
        ),
        items=tuple(_item(row) for row in sql.records(_ITEMS)),
    )
    sql.run("DROP TABLE pg_temp.ssi_leg, pg_temp.ssi_need")
    return effect


def _written(kind: str, asset: str, quantity: Decimal) -> str:
    return str(format_amount(quantity, asset) if kind == "CASH" else format_number(quantity))


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    instruction = row["instruction_id"]
    return {
        "trade": public_id(TRADE, row["trade_id"]),
        "instruction": None if instruction is None else public_id(INSTRUCTION, instruction),
        "asset_kind": row["asset_kind"],
        "asset": row["asset"],
        "direction": row["direction"],
        "quantity": _written(row["asset_kind"], row["asset"], row["quantity"]),
        "value_date": row["value_date"].isoformat(),
        "before": row["route"],
        "after": row["route_then"],
    }

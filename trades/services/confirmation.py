"""What counterparties confirm: stored in versions as they say it, and matched with our trades at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from core import sql
from core.audit import Actor, encode, record
from core.http.problem import Fault, Problem, not_found
from core.text import text_faults
from refdata.selectors import resolve
from trades.models import Confirmation
from trades.services.confirmation_matching import SUBJECT, Status, lock_blocks, match_blocks

STORED, REPEATED, OUTDATED = "STORED", "REPEATED", "OUTDATED"


@dataclass(frozen=True)
class Said:
    """What a counterparty says of a deal, told from the firm's side. `version` counts what it says under `reference`.

    trade_id, or source and source_ref, name our trade; neither: its terms find it. Amounts are in the units of a trade.
    """

    party: str
    reference: str
    version: int
    action: str
    product: str
    side: str
    currency: str
    trade_date: date
    trade_id: int | None = None
    source: str | None = None
    source_ref: str | None = None
    instrument: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    net_amount: Decimal | None = None
    contra_currency: str | None = None
    contra_amount: Decimal | None = None
    settlement_date: date | None = None


@dataclass(frozen=True)
class Told:
    """What became of one thing that was said: STORED, REPEATED (known before) or OUTDATED (a later one is known)."""

    outcome: str
    confirmation_id: int
    status: str
    trade_id: int | None
    differences: list[dict[str, Any]]


_COLUMNS = (
    "party_id bigint, reference text, version int, action text, named_trade_id bigint, source text, source_ref text,"
    " product text, side text, instrument_ref text, instrument_id bigint, quantity numeric, price numeric,"
    " currency text, net_amount numeric, contra_currency text, contra_amount numeric, trade_date date,"
    " settlement_date date"
)
_NAMES = ", ".join(each.split()[0] for each in _COLUMNS.split(", "))
# Ordered, so that two who say the same at once wait for each other in one order.
_KEEP = f"""
INSERT INTO trades_confirmation_version ({_NAMES}, received_at, actor)
SELECT {_NAMES}, %(at)s, %(actor)s FROM jsonb_to_recordset(%(rows)s::jsonb) AS r({_COLUMNS})
ORDER BY party_id, reference, version
ON CONFLICT (party_id, reference, version) DO NOTHING
RETURNING party_id, reference, version
"""
# The latest version stands, whenever it came. A dispute was of what was said before.
_POINT = """
INSERT INTO trades_confirmation AS c
    (party_id, reference, version_id, version, status, differences, opened_at, changed_at)
SELECT DISTINCT ON (v.party_id, v.reference)
       v.party_id, v.reference, v.id, v.version, 'UNMATCHED', '[]', %(at)s, %(at)s
FROM unnest(%(parties)s::bigint[], %(references)s::text[]) AS k(party_id, reference)
JOIN trades_confirmation_version v ON v.party_id = k.party_id AND v.reference = k.reference
ORDER BY v.party_id, v.reference, v.version DESC
ON CONFLICT (party_id, reference) DO UPDATE
SET version_id = EXCLUDED.version_id, version = EXCLUDED.version, changed_at = EXCLUDED.changed_at,
    status = CASE WHEN c.status = 'DISPUTED' THEN 'MISMATCHED' ELSE c.status END
WHERE c.version < EXCLUDED.version
RETURNING c.id, c.version
"""
_STANDING = """
SELECT c.id, c.party_id, c.reference, c.version, c.status, c.trade_id, c.differences
FROM unnest(%(parties)s::bigint[], %(references)s::text[]) AS k(party_id, reference)
JOIN trades_confirmation c ON c.party_id = k.party_id AND c.reference = k.reference
"""
# Where what is said belongs, and where what was said before belonged.
_BLOCKS = """
WITH said AS MATERIALIZED (
    SELECT v.* FROM unnest(%(parties)s::bigint[], %(references)s::text[]) AS k(party_id, reference)
    JOIN trades_confirmation_version v ON v.party_id = k.party_id AND v.reference = k.reference
), named AS (
    SELECT named_trade_id AS trade_id FROM said
    UNION
    SELECT f.trade_id FROM said s
    JOIN trades_version f ON f.source = s.source AND f.source_ref = s.source_ref AND f.version = 1
)
SELECT party_id, trade_date FROM said
UNION
SELECT v.counterparty_id, v.trade_date FROM named n JOIN trades_version v ON v.trade_id = n.trade_id
WHERE v.counterparty_id IS NOT NULL
"""


def confirm_trades(*, said: Sequence[Said], actor: Actor, now: datetime) -> list[Told | Problem]:
    """Store what counterparties say and match it; return what became of each, in order.

    A Problem in the place of one that cannot be stored: 422 for an unknown party, 409 where the version was used for
    something else. Saying the same again changes nothing.
    """
    found = resolve(
        parties={each.party for each in said},
        instruments={each.instrument for each in said if each.instrument},
        books=(),
        currencies=(),
        on=now.date(),
    )
    rows: dict[int, dict[str, Any]] = {}
    answers: dict[int, Told | Problem] = {}
    first: dict[tuple[int, str, int], int] = {}
    for index, each in enumerate(said):
        party = found.parties.get(each.party)
        if party is None:
            faults = [Fault("/party", "There is no such party.", "unknown")]
            answers[index] = Problem(422, "invalid", "This cannot be taken.", faults=faults)
            continue
        instrument = found.instruments.get(each.instrument or "")
        rows[index] = _row(each, party.id, instrument.id if instrument else None)
        first.setdefault(_key(rows[index]), index)
    with transaction.atomic():
        stored = _store([rows[index] for index in first.values()], actor, now)
        known = _known(rows.values())
        for index, row in rows.items():
            kept = known[_key(row)]
            if any(kept[name] != row[name] for name in row if name != "instrument_id"):
                answers[index] = Problem(
                    409, "version-used", "This version was used for something else before: count on."
                )
                continue
            standing = stored.standing(row)
            outcome = STORED if _key(row) in stored.new and first[_key(row)] == index else REPEATED
            if row["version"] < standing["version"] and outcome == STORED:
                outcome = OUTDATED
            answers[index] = Told(
                outcome,
                standing["id"],
                standing["status"],
                standing["trade_id"],
                sql.json_value(standing["differences"]),
            )
    return [answers[index] for index in range(len(said))]


def _row(each: Said, party_id: int, instrument_id: int | None) -> dict[str, Any]:
    return {
        "party_id": party_id,
        "reference": each.reference,
        "version": each.version,
        "action": each.action,
        "named_trade_id": each.trade_id,
        "source": each.source,
        "source_ref": each.source_ref,
        "product": each.product,
        "side": each.side,
        "instrument_ref": each.instrument,
        "instrument_id": instrument_id,
        "quantity": each.quantity,
        "price": each.price,
        "currency": each.currency,
        "net_amount": each.net_amount,
        "contra_currency": each.contra_currency,
        "contra_amount": each.contra_amount,
        "trade_date": each.trade_date,
        "settlement_date": each.settlement_date,
    }


def _key(row: Mapping[str, Any]) -> tuple[int, str, int]:
    return (row["party_id"], row["reference"], row["version"])


@dataclass(frozen=True)
class _Stored:
    new: frozenset[tuple[int, str, int]]
    standings: Mapping[tuple[int, str], Mapping[str, Any]]

    def standing(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.standings[row["party_id"], row["reference"]]


def _store(rows: Sequence[Mapping[str, Any]], actor: Actor, now: datetime) -> _Stored:
    """Keep the versions that are new, point at the latest of each, match; return where all of them stand."""
    new = frozenset(sql.rows(_KEEP, {"rows": encode(rows), "at": now, "actor": actor.name}))
    chains = sorted({(row["party_id"], row["reference"]) for row in rows})
    named = {"parties": [each for each, _ in chains], "references": [each for _, each in chains]}
    blocks = lock_blocks(sql.rows(_BLOCKS, named))
    pointed = sql.rows(_POINT, {**named, "at": now})
    ids = [each for each, _ in pointed]
    record(
        type="confirmation.received",
        subject=SUBJECT,
        ids=ids,
        versions=[version for _, version in pointed],
        actor=actor,
        at=now,
    )
    match_blocks(blocks=blocks, actor=actor, now=now)
    standings = {(each["party_id"], each["reference"]): each for each in sql.records(_STANDING, named)}
    return _Stored(new, standings)


_KNOWN = f"""
SELECT {", ".join(f"v.{each}" for each in _NAMES.split(", "))}
FROM unnest(%s::bigint[], %s::text[], %s::int[]) AS k(party_id, reference, version)
JOIN trades_confirmation_version v USING (party_id, reference, version)
"""


def _known(rows: Any) -> dict[tuple[int, str, int], dict[str, Any]]:
    keys = sorted({_key(row) for row in rows})
    found = sql.records(
        _KNOWN, [[key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys]]
    )
    return {_key(row): row for row in found}


def dispute(*, confirmation_id: int, version: int, reason: str, actor: Actor, now: datetime) -> None:
    """Note that we do not agree with what a counterparty says, until either side says something else or we withdraw it.

    version: of the confirmation, that was looked at. Problem 404 for an unknown confirmation, 409 where it is not
    mismatched or was said anew, 422 without a reason.
    """
    _turn(confirmation_id, version, Status.MISMATCHED, Status.DISPUTED, "disputed", reason, actor, now)


def withdraw_dispute(*, confirmation_id: int, version: int, reason: str, actor: Actor, now: datetime) -> None:
    """Take a dispute back: the confirmation is a mismatch again. Problem as `dispute`, 409 where it is not disputed."""
    _turn(
        confirmation_id, version, Status.DISPUTED, Status.MISMATCHED, "dispute_withdrawn", reason, actor, now
    )


def _turn(
    confirmation_id: int,
    version: int,
    before: Status,
    after: Status,
    event: str,
    reason: str,
    actor: Actor,
    now: datetime,
) -> None:
    if faults := text_faults(reason, pointer="/reason"):
        raise Problem(422, "invalid", "A dispute needs its reason, and so does its end.", faults=faults)
    with transaction.atomic():
        row = Confirmation.objects.select_for_update().filter(id=confirmation_id).first()
        if row is None:
            raise not_found("confirmation")
        if row.version != version or row.status != before:
            raise Problem(409, f"not-{before.lower()}", "It stands otherwise by now: look at it again.")
        row.status, row.changed_at = after, now
        row.save(update_fields=["status", "changed_at"])
        record(
            type=f"confirmation.{event}",
            subject=SUBJECT,
            ids=[row.id],
            versions=[row.version],
            actor=actor,
            at=now,
            reason=reason.strip(),
            data={"trade_id": row.trade_id, "trade_version": row.trade_version},
        )

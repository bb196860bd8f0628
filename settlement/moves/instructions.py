"""Whose move it is of what was sealed: instructions until they are answered, settled or cancelled."""

from __future__ import annotations

from settlement.moves.base import Mover, Population, Rule

# ISO 20022 reasons of a fail, and of no match, that lie with the counterparty (external code sets of sese.024/025).
COUNTERPARTY_FAILS = ("CLAC", "CMON")  # its securities, its money are lacking
COUNTERPARTY_UNMATCHED = ("CMIS",)  # its instruction is missing

# What a change has recalled is answered for by its cancellation.
_STANDS = "NOT EXISTS (SELECT FROM settlement_recall r WHERE r.instruction_id = i.id)"
_SHOWN = {
    "record": "INSTRUCTION",
    "key": "i.id",
    "trade": "i.trade_ids[1]",
    "channel": "i.channel",
    "party": "i.counterparty_id",
    "value_date": "i.value_date",
    "asset": "i.asset",
    "quantity": "i.quantity - s.settled_quantity",  # what is still open
    "money": "i.asset_kind = 'CASH'",
    "holds_book": """EXISTS (
        SELECT FROM unnest(i.trade_ids) AS u(trade_id) JOIN trades_state t ON t.trade_id = u.trade_id
        JOIN trades_version v ON v.trade_id = t.trade_id AND v.version = t.version WHERE v.book_id = %(book)s)""",
}
_BATCH = "settlement_public_id('bat', b.batch_id)"
_STATE = "settlement_instruction_state s JOIN settlement_instruction i ON i.id = s.instruction_id"


def _first_report(*kinds: str) -> str:
    """Return SQL for the moment of the first report of some kinds."""
    named = ", ".join(f"'{each}'" for each in kinds)
    return f"""coalesce((SELECT min(h.reported_at) FROM settlement_status_report h
        WHERE h.instruction_id = i.id AND h.kind IN ({named})), s.changed_at)"""


def _last_report(*kinds: str) -> str:
    """Return SQL for the public id of the last report of some kinds, else of the batch."""
    named = ", ".join(f"'{each}'" for each in kinds)
    return f"""coalesce((SELECT settlement_public_id('rpt', max(h.id)) FROM settlement_status_report h
        WHERE h.instruction_id = i.id AND h.kind IN ({named})), settlement_public_id('bat', i.batch_id))"""


def _any_of(column: str, codes: tuple[str, ...]) -> str:
    """Return SQL that tells whether one of the reasons in a column is among some codes."""
    named = ", ".join(f"'{each}'" for each in codes)
    return f"string_to_array({column}, ', ') && ARRAY[{named}]"


_RELEASE = "EXISTS (SELECT FROM settlement_release e WHERE e.batch_id = b.batch_id) AND b.released_at IS NULL"
_ASKED = """(SELECT {what} FROM core_proposal p WHERE p.kind = 'release_batch' AND p.subject = 'batch'
    AND p.subject_id = b.batch_id AND p.state = 'PENDING')"""
_RECALL = """(SELECT {what} FROM settlement_batch_recall q WHERE q.batch_id = b.batch_id AND q.state = 'REQUESTED')"""
_WITHHELD = (
    """(SELECT {what} FROM settlement_withholding w WHERE w.batch_id = b.batch_id AND w.ended_at IS NULL)"""
)
_SEALED_AT = "(SELECT t.sealed_at FROM settlement_batch t WHERE t.id = b.batch_id)"
_CLAIM = """(SELECT {what} FROM settlement_batch_claim c WHERE c.batch_id = b.batch_id ORDER BY c.id DESC LIMIT 1)"""
UNANSWERED = Population(
    code="SEALED",
    title="sealed and not answered yet",
    source="""settlement_batch_state b JOIN settlement_instruction i ON i.batch_id = b.batch_id
        JOIN settlement_instruction_state s ON s.instruction_id = i.id""",
    where=f"""b.instruction_count > b.accepted + b.rejected AND b.recalled_at IS NULL AND s.processing = 'SEALED'
        AND s.settlement <> 'CANCELLED' AND {_STANDS}""",
    order="b.batch_id, i.line",
    rules=(
        Rule(
            "RECALL_ASKED",
            "its batch is asked back",
            Mover.BACK_OFFICE,
            "Consent to the recall of the batch, or refuse it.",
            when=_RECALL.format(what="true"),
            since=_RECALL.format(what="q.requested_at"),
            evidence=_RECALL.format(what="settlement_public_id('rcl', q.id)"),
            who=_CLAIM.format(what="c.client_name"),
        ),
        Rule(
            "AWAITS_RELEASE",
            "its batch awaits release by a second person",
            Mover.APPROVER,
            "Release the batch, or decline to.",
            when=f"{_RELEASE} AND {_ASKED.format(what='true')}",
            since=_ASKED.format(what="p.made_at"),
            evidence=_ASKED.format(what="settlement_public_id('prp', p.id)"),
        ),
        Rule(
            "RELEASE_NOT_ASKED",
            "its batch leaves only when released, which nobody has asked for",
            Mover.OPERATIONS,
            "Ask for the release of the batch.",
            when=_RELEASE,
            since=_SEALED_AT,
            evidence=_BATCH,
        ),
        Rule(
            "WITHHELD",
            "its batch is withheld: a stop concerns a trade in it",
            Mover.RISK,
            "Lift the stop, or have the trade cancelled.",
            when=f"b.claimed_at IS NULL AND {_WITHHELD.format(what='true')}",
            since=_WITHHELD.format(what="w.withheld_at"),
            evidence=_BATCH,
        ),
        Rule(
            "UNCLAIMED",
            "sealed, and claimed by nobody yet",
            Mover.BACK_OFFICE,
            "Claim the batch.",
            when="b.claimed_at IS NULL",
            since=_SEALED_AT,
            evidence=_BATCH,
        ),
        Rule(
            "CLAIMED",
            "claimed, and not acknowledged yet",
            Mover.BACK_OFFICE,
            "Acknowledge every instruction of the batch.",
            when=_CLAIM.format(what="c.ended_at IS NULL AND c.expires_at > %(now)s"),
            since=_CLAIM.format(what="c.claimed_at"),
            evidence=_CLAIM.format(what="settlement_public_id('clm', c.id)"),
            who=_CLAIM.format(what="c.client_name"),
        ),
        Rule(
            "CLAIM_ENDED",
            "its claim ended before everything was acknowledged",
            Mover.BACK_OFFICE,
            "Claim the batch again and acknowledge what is left.",
            when="true",
            since=f"coalesce({_CLAIM.format(what='least(c.ended_at, c.expires_at)')}, b.claimed_at)",
            evidence=_CLAIM.format(what="settlement_public_id('clm', c.id)"),
            who=_CLAIM.format(what="c.client_name"),
        ),
    ),
    **_SHOWN,
)
# The conditions are those of the partial indexes settlement_istate_trouble and settlement_istate_quiet.
TROUBLED = Population(
    code="TROUBLED",
    title="accepted, and failed, in part, unmatched or being cancelled",
    source=_STATE,
    where=f"""s.processing = 'ACCEPTED' AND (s.settlement IN ('FAILED', 'PARTIAL')
        OR (s.settlement = 'PENDING' AND (s.matching = 'UNMATCHED' OR s.cancellation <> ''))) AND {_STANDS}""",
    order="s.instruction_id",
    rules=(
        Rule(
            "CANCELLED_UNASKED",
            "cancelled by the back office, which nobody had asked for",
            Mover.OPERATIONS,
            "Find out why, then amend the trade so that it is instructed anew, or cancel it.",
            when="s.cancellation = 'COMPLETED'",
            since=_first_report("CANCELLATION_COMPLETED"),
            evidence=_last_report("CANCELLATION_COMPLETED"),
            who="s.cancellation_reason",
        ),
        Rule(
            "CANCELLATION_PENDING",
            "a cancellation of it is pending",
            Mover.MARKET,
            "Complete the cancellation, or deny it.",
            when="s.cancellation IN ('REQUESTED', 'PENDING')",
            since=_first_report("CANCELLATION_REQUESTED", "CANCELLATION_PENDING"),
            evidence=_last_report("CANCELLATION_REQUESTED", "CANCELLATION_PENDING"),
            who="s.cancellation_reason",
        ),
        Rule(
            "FAILS_AT_COUNTERPARTY",
            "failed for want of what the counterparty owes",
            Mover.COUNTERPARTY,
            "Provide the securities or the money.",
            when=f"s.settlement IN ('FAILED', 'PARTIAL') AND {_any_of('s.settlement_reason', COUNTERPARTY_FAILS)}",
            since=_first_report("FAILED", "PARTIAL"),
            evidence=_last_report("FAILED", "PARTIAL"),
            who="s.settlement_reason",
        ),
        Rule(
            "FAILED",
            "failed to settle",
            Mover.BACK_OFFICE,
            "Settle it, or say what stands in the way.",
            when="s.settlement = 'FAILED'",
            since=_first_report("FAILED"),
            evidence=_last_report("FAILED"),
            who="s.settlement_reason",
        ),
        Rule(
            "PARTLY_SETTLED",
            "settled in part",
            Mover.MARKET,
            "Settle the rest.",
            when="s.settlement = 'PARTIAL'",
            since=_first_report("PARTIAL"),
            evidence=_last_report("PARTIAL"),
            who="s.settlement_reason",
        ),
        Rule(
            "UNMATCHED_AT_COUNTERPARTY",
            "unmatched: the counterparty's instruction is missing",
            Mover.COUNTERPARTY,
            "Send its instruction.",
            when=f"s.matching = 'UNMATCHED' AND {_any_of('s.matching_reason', COUNTERPARTY_UNMATCHED)}",
            since=_first_report("UNMATCHED"),
            evidence=_last_report("UNMATCHED"),
            who="s.matching_reason",
        ),
        Rule(
            "UNMATCHED",
            "unmatched: the two sides differ",
            Mover.OPERATIONS,
            "Compare both sides, and amend ours or have theirs corrected.",
            when="s.matching = 'UNMATCHED'",
            since=_first_report("UNMATCHED"),
            evidence=_last_report("UNMATCHED"),
            who="s.matching_reason",
        ),
        Rule(
            "SETTLES_AFTER_ALL",
            "its cancellation was denied: it settles after all",
            Mover.MARKET,
            "Settle it.",
            when="true",
            since=_first_report("CANCELLATION_DENIED"),
            evidence=_last_report("CANCELLATION_DENIED"),
            who="s.cancellation_reason",
        ),
    ),
    **_SHOWN,
)
ACCEPTED = Population(
    code="ACCEPTED",
    title="accepted, and not settled yet",
    source=_STATE,
    where=f"""s.processing = 'ACCEPTED' AND s.settlement = 'PENDING' AND s.matching <> 'UNMATCHED'
        AND s.cancellation = '' AND {_STANDS}""",
    order="s.instruction_id",
    rules=(
        Rule(
            "SILENT",
            "its value date has passed without a word",
            Mover.BACK_OFFICE,
            "Report whether it settled.",
            when="i.value_date < %(today)s",
            since="(i.value_date + 1)::timestamp AT TIME ZONE 'UTC'",
            evidence=_last_report("ACCEPTED", "MATCHED"),
        ),
        Rule(
            "NOT_MATCHED_YET",
            "accepted, and not matched yet",
            Mover.MARKET,
            "Match it with the counterparty's instruction.",
            when="i.channel = 'SECURITIES' AND s.matching = ''",
            since="s.changed_at",
            evidence=_last_report("ACCEPTED"),
        ),
        Rule(
            "WAITS_FOR_VALUE_DATE",
            "waits for its value date",
            Mover.TIME,
            "It settles on its value date.",
            when="i.value_date > %(today)s",
            since="s.changed_at",
            evidence=_last_report("ACCEPTED", "MATCHED"),
        ),
        Rule(
            "SETTLES_TODAY",
            "settles today",
            Mover.MARKET,
            "Settle it.",
            when="true",
            since="s.changed_at",
            evidence=_last_report("ACCEPTED", "MATCHED"),
        ),
    ),
    **_SHOWN,
)
_LIVE = "s.processing <> 'REJECTED' AND s.settlement NOT IN ('SETTLED', 'CANCELLED') AND NOT r.with_batch"
RECALLED = Population(
    code="RECALLED",
    title="recalled by a change, and not cancelled yet",
    source=f"settlement_recall r JOIN {_STATE} ON i.id = r.instruction_id",
    where=f"r.cancellation_id IS NULL AND {_LIVE}",
    order="r.instruction_id",
    rules=(
        Rule(
            "CANCELLATION_DUE",
            "a change made it wrong: its cancellation is sealed next",
            Mover.SYSTEM,
            "The next seal cancels it, by itself.",
            when="true",
            since="r.recalled_at",
            evidence="settlement_public_id('trd', r.cause_ids[1])",
        ),
    ),
    **_SHOWN,
)
REFUSED = Population(
    code="REFUSED",
    title="recalled by a change, and its cancellation refused",
    source=f"""settlement_instruction_state c JOIN settlement_recall r ON r.cancellation_id = c.instruction_id
        JOIN {_STATE} ON i.id = r.instruction_id""",
    where=f"c.processing = 'REJECTED' AND {_LIVE}",
    order="r.instruction_id",
    rules=(
        Rule(
            "CANCELLATION_REFUSED",
            "the back office refused to cancel it",
            Mover.OPERATIONS,
            "Ask again, or agree with the back office what is to be done.",
            when="true",
            since="c.changed_at",
            evidence="settlement_public_id('ins', c.instruction_id)",
            who="c.processing_reason",
        ),
    ),
    **_SHOWN,
)

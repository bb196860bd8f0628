"""The canonical bytes of a batch: NDJSON in UTF-8, one compact line for each instruction, each ended by `\\n`.

The keys of a line, always all of them and always in this order:

    instruction   public id, `ins_…`
    line          from 1, without gaps
    batch         public id, `bat_…`
    channel       CASH, SECURITIES or GOODS
    value_date    YYYY-MM-DD
    counterparty  {"code", "name", "lei", "bic"}; lei and bic may be null
    entity        our own legal entity, in the same form
    asset_kind    CASH, SECURITY or GOODS
    asset         currency (ISO 4217), ISIN or SKU
    direction     DELIVER or RECEIVE, seen from us; NIL where the gross legs cancel out
    quantity      a decimal string: an amount with its currency's minor units, else without trailing zeros
    our_ssi       {"account", "agent_bic", "place_of_settlement", "delivery_address"}; may be empty strings
    their_ssi     in the same form
    legs          how many gross legs are netted in it
    trade         {"id", "source", "source_ref"} when it is one leg of one trade, null when netted

Lines stand in the order of counterparty code, entity code, asset, direction, the ids of our and their SSI,
quantity, then source, reference and leg of a single trade: the same content makes the same lines in whichever
order the trades came. Only the public ids differ, since they number what was sealed.
"""

from __future__ import annotations

PAGE_LINES = 1_000

# Over a net `s` and its parties `cp` and `en`.
ORDER = (
    'cp.code COLLATE "C", en.code COLLATE "C", s.asset COLLATE "C", s.direction, s.our_ssi_id, s.their_ssi_id,'
    ' s.quantity, s.source COLLATE "C", s.source_ref COLLATE "C", s.leg'
)


def party_json(alias: str) -> str:
    """Return SQL for a party's object in a line, from a row of refdata_party."""
    return _object(alias, ("code", "name", "lei", "bic"))


def ssi_json(alias: str) -> str:
    """Return SQL for an SSI's object in a line, from a row of refdata_ssi."""
    return _object(alias, ("account", "agent_bic", "place_of_settlement", "delivery_address"))


def _object(alias: str, columns: tuple[str, ...]) -> str:
    members = [f"'\"{name}\":' || coalesce(to_json({alias}.{name})::text, 'null')" for name in columns]
    return "'{' || " + " || ',' || ".join(members) + " || '}'"


# What every line of one batch has in common, over a row `b` of the batches being sealed.
HEAD = """
',"batch":"' || settlement_public_id('bat', b.batch_id) || '","channel":"' || b.channel
|| '","value_date":"' || to_char(b.value_date, 'YYYY-MM-DD') || '","counterparty":'
"""

# Over a row `n` of the nets, its batch's `head`, party objects `cp` and `en`, SSI objects `ours` and `theirs`.
LINE = """
'{"instruction":"' || settlement_public_id('ins', n.instruction_id)
|| '","line":' || n.line
|| head.fragment
|| cp.fragment
|| ',"entity":' || en.fragment
|| ',"asset_kind":"' || n.asset_kind
|| '","asset":' || to_json(n.asset)
|| ',"direction":"' || n.direction
|| '","quantity":"' || n.quantity_text
|| '","our_ssi":' || ours.fragment
|| ',"their_ssi":' || theirs.fragment
|| ',"legs":' || n.gross_count
|| ',"trade":' || CASE WHEN n.source IS NULL THEN 'null' ELSE
       '{"id":"' || settlement_public_id('trd', n.trade_ids[1])
       || '","source":' || to_json(n.source) || ',"source_ref":' || to_json(n.source_ref) || '}' END
|| E'}\n'
"""

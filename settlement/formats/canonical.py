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
    kind          NEW, or CANCEL: the instruction in `cancels` must not be done any more
    cancels       public id of the instruction of an earlier batch that is cancelled; the line repeats its
                  particulars. Null where kind is NEW
    replaces      public ids of cancelled instructions of which this one has legs; an empty array for most
    settlement_type  DVP, FOP, PAYMENT or DELIVERY: a security or a payment that settle against each other, a security
                  free of payment, a payment alone, goods that are paid apart
    linked        of DVP, {"instruction", "common_reference", "asset", "quantity"}: the other instruction of the pair,
                  the reference that both lines have in common, and what is delivered or paid by it, the opposite way;
                  else null
    shape         of a net over the maximum size of an instruction {"number", "of", "common_reference"}: which one it is
                  of how many instructions, and the reference that all of them have in common; else null

Lines stand in the order of counterparty code, entity code, asset, direction, quantity, SSIs, the asset that they settle
against, then source, reference and leg of a single trade: the same content makes the same lines in whichever order the
trades came. Only the public ids differ, since they number what was sealed. Cancellations stand behind them, in the
order of what they cancel. They count in the control totals, under the direction and quantity of what they cancel.
"""

from __future__ import annotations

from settlement.formats.base import Format
from settlement.models import settlement_type_sql

PAGE_LINES = 1_000

# Over a net `s`: `place` stands for counterparty code, entity code, asset and direction, in that order.
ORDER = (
    's.place, s.quantity, s.our_ssi_id, s.their_ssi_id, s.against COLLATE "C", s.lane,'
    ' s.source COLLATE "C", s.source_ref COLLATE "C", s.leg, s.shape'
)


def _object(alias: str, columns: tuple[str, ...]) -> str:
    members = [f"'\"{name}\":' || coalesce(to_json({alias}.{name})::text, 'null')" for name in columns]
    return "'{' || " + " || ',' || ".join(members) + " || '}'"


def _party(alias: str) -> str:
    return _object(alias, ("code", "name", "lei", "bic"))


def _ssi(alias: str) -> str:
    return _object(alias, ("account", "agent_bic", "place_of_settlement", "delivery_address"))


# What lines of the same batch `b`, parties `cp` and `en` and SSIs `ours` and `theirs` have in common: the part
# from behind the line number to the asset, and the part from behind the quantity to the number of legs.
BEFORE = f"""
',"batch":"' || settlement_public_id('bat', b.batch_id) || '","channel":"' || b.channel
|| '","value_date":"' || to_char(b.value_date, 'YYYY-MM-DD') || '","counterparty":' || {_party("cp")}
|| ',"entity":' || {_party("en")} || ',"asset_kind":"' || b.asset_kind || '","asset":'
"""
AFTER = f"""
'","our_ssi":' || {_ssi("ours")} || ',"their_ssi":' || {_ssi("theirs")} || ',"legs":'
"""

# A line: over a net `n` and what it has in common with others, `c`.
LINE = f"""
'{{"instruction":"' || settlement_public_id('ins', n.instruction_id) || '","line":' || n.line
|| c.before || to_json(n.asset)
|| ',"direction":"' || n.direction || '","quantity":"' || n.quantity_text
|| c.after || n.gross_count
|| CASE WHEN n.source IS NULL THEN ',"trade":null' ELSE
       ',"trade":{{"id":"' || settlement_public_id('trd', n.trade_ids[1])
       || '","source":' || to_json(n.source) || ',"source_ref":' || to_json(n.source_ref) || '}}' END
|| CASE WHEN n.cancels IS NOT NULL THEN
       ',"kind":"CANCEL","cancels":"' || settlement_public_id('ins', n.cancels) || '","replaces":[]'
   WHEN n.replaces IS NOT NULL THEN
       ',"kind":"NEW","cancels":null,"replaces":[' || (
           SELECT string_agg('"' || settlement_public_id('ins', each) || '"', ',' ORDER BY each)
           FROM unnest(n.replaces) AS each
       ) || ']'
   ELSE ',"kind":"NEW","cancels":null,"replaces":[]' END
|| CASE WHEN n.linked IS NULL THEN
       ',"settlement_type":"' || {settlement_type_sql("n.asset_kind", "n.linked")} || '","linked":null'
   ELSE ',"settlement_type":"DVP","linked":{{"instruction":"' || settlement_public_id('ins', n.linked)
       || '","common_reference":"' || settlement_public_id('ins',
              CASE n.asset_kind WHEN 'CASH' THEN n.linked ELSE coalesce(n.cancels, n.instruction_id) END)
       || '","asset":' || to_json(n.linked_asset) || ',"quantity":"' || n.linked_quantity || '"}}' END
|| CASE WHEN n.shape = 0 THEN E',"shape":null}}\n'
   ELSE ',"shape":{{"number":' || n.shape || ',"of":' || n.shapes || ',"common_reference":"'
       || settlement_public_id('ins', n.shaped_with) || E'"}}}}\n' END
"""

CANONICAL = Format(
    code="ndjson",
    title="Canonical lines",
    standard="NDJSON: a JSON object on each line, in UTF-8, each ended by a line feed",
    media_type="application/x-ndjson",
    extension="ndjson",
    description=(
        "The batch as it was sealed. These are the stored bytes: `sha256` of the batch is their hash, and a pull that"
        " was cut goes on with `Range`. The same lines come as pages of JSON with `format=json`, or by default."
    ),
    fields=(
        ("`instruction`", "public id of the instruction"),
        ("`line`", "from 1, without gaps"),
        ("`batch`, `channel`, `value_date`", "the batch, its channel and when it settles"),
        ("`counterparty`, `entity`", "the other side and our own legal entity: `code`, `name`, `lei`, `bic`"),
        ("`asset_kind`, `asset`", "CASH and a currency, SECURITY and an ISIN, GOODS and an SKU"),
        ("`direction`", "DELIVER or RECEIVE, seen from us; NIL where the gross legs cancel out"),
        (
            "`quantity`",
            "a decimal string: an amount with its currency's minor units, else without trailing zeros",
        ),
        (
            "`our_ssi`, `their_ssi`",
            "`account`, `agent_bic`, `place_of_settlement`, `delivery_address`; what does not apply is empty",
        ),
        ("`legs`", "how many gross legs are netted in it"),
        ("`trade`", "`id`, `source`, `source_ref` of the trade of which it is one leg; null when netted"),
        (
            "`kind`, `cancels`",
            "NEW; or CANCEL and the instruction of an earlier batch that must not be done any more",
        ),
        ("`replaces`", "cancelled instructions of which it has legs"),
        (
            "`settlement_type`",
            "DVP (a security and its payment against each other), FOP, PAYMENT or DELIVERY (goods, paid apart)",
        ),
        (
            "`linked`",
            "of DVP the other line of the pair: `instruction`, `common_reference` that both have, `asset`, `quantity`;"
            " null otherwise",
        ),
        (
            "`shape`",
            "of a net over the maximum size of an instruction which one it is (`number`) of how many (`of`), and the"
            " `common_reference` that all of them have; null otherwise",
        ),
    ),
    lines=None,
)

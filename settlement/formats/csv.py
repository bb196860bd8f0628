"""CSV: one row for each line, its members as columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from io import StringIO

from settlement.formats.base import Format, Line, Sealed, Tally

# name of the column, what stands in it, and from where
_COLUMNS: tuple[tuple[str, str, Callable[[Line], object]], ...] = (
    ("instruction", "public id of the instruction", lambda line: line.instruction),
    ("line", "from 1, without gaps", lambda line: line.line),
    ("batch", "public id of the batch", lambda line: line.batch),
    ("channel", "CASH, SECURITIES or GOODS", lambda line: line.channel),
    ("value_date", "YYYY-MM-DD", lambda line: line.value_date),
    ("kind", "NEW, or CANCEL", lambda line: line.kind),
    ("cancels", "the instruction that must not be done any more", lambda line: line.cancels),
    ("replaces", "cancelled instructions, with spaces between them", lambda line: " ".join(line.replaces)),
    ("counterparty", "code of the other side", lambda line: line.counterparty.code),
    ("counterparty_name", "its name", lambda line: line.counterparty.name),
    ("counterparty_lei", "its LEI", lambda line: line.counterparty.lei),
    ("counterparty_bic", "its BIC", lambda line: line.counterparty.bic),
    ("entity", "code of our own legal entity", lambda line: line.entity.code),
    ("entity_name", "its name", lambda line: line.entity.name),
    ("entity_lei", "its LEI", lambda line: line.entity.lei),
    ("entity_bic", "its BIC", lambda line: line.entity.bic),
    ("asset_kind", "CASH, SECURITY or GOODS", lambda line: line.asset_kind),
    ("asset", "currency, ISIN or SKU", lambda line: line.asset),
    ("direction", "DELIVER, RECEIVE or NIL, seen from us", lambda line: line.direction),
    ("quantity", "a decimal with a point", lambda line: line.quantity),
    ("our_account", "account of our settlement instruction", lambda line: line.our_ssi.account),
    ("our_agent_bic", "our agent", lambda line: line.our_ssi.agent_bic),
    ("our_place_of_settlement", "our depository", lambda line: line.our_ssi.place_of_settlement),
    ("our_delivery_address", "where we want goods", lambda line: line.our_ssi.delivery_address),
    ("their_account", "account of their settlement instruction", lambda line: line.their_ssi.account),
    ("their_agent_bic", "their agent", lambda line: line.their_ssi.agent_bic),
    ("their_place_of_settlement", "their depository", lambda line: line.their_ssi.place_of_settlement),
    ("their_delivery_address", "where they want goods", lambda line: line.their_ssi.delivery_address),
    ("legs", "how many gross legs are netted in it", lambda line: line.legs),
    ("trade", "the trade of which it is one leg", lambda line: line.trade and line.trade.id),
    ("source", "its front-office system", lambda line: line.trade and line.trade.source),
    ("source_ref", "its id there", lambda line: line.trade and line.trade.source_ref),
    ("settlement_type", "DVP, FOP, PAYMENT or DELIVERY", lambda line: line.settlement_type),
    (
        "linked",
        "of DVP the other instruction of the pair",
        lambda line: line.linked and line.linked.instruction,
    ),
    (
        "common_reference",
        "what both instructions of the pair have",
        lambda line: line.linked and line.linked.common_reference,
    ),
    ("linked_asset", "what goes the opposite way", lambda line: line.linked and line.linked.asset),
    ("linked_quantity", "and how much of it", lambda line: line.linked and line.linked.quantity),
    (
        "shape",
        "of a net over the maximum size which one it is",
        lambda line: line.shape and line.shape.number,
    ),
    ("shapes", "of how many instructions", lambda line: line.shape and line.shape.of),
    (
        "shape_reference",
        "what all of these have in common",
        lambda line: line.shape and line.shape.common_reference,
    ),
)


def _head(sealed: Sealed, tally: Tally) -> str:
    return _written([[name for name, _, _ in _COLUMNS]])


def _lines(lines: Sequence[Line]) -> str:
    return _written([[read(line) for _, _, read in _COLUMNS] for line in lines])


def _written(rows: Sequence[Sequence[object]]) -> str:
    out = StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


CSV = Format(
    code="csv",
    title="CSV",
    standard="RFC 4180, in UTF-8 without a byte order mark; the first row names the columns",
    media_type="text/csv",
    extension="csv",
    description=(
        "Every line of every channel, cancellations and nil lines as well. Nothing is added to a text and nothing taken"
        " away, so a spreadsheet may take one that begins with `=` for a formula."
    ),
    fields=tuple((f"`{name}`", meaning) for name, meaning, _ in _COLUMNS),
    lines=_lines,
    head=_head,
    revision=3,
)

"""Standing settlement instructions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from core import sql
from refdata.identifiers import account_fault, identifier_fault, is_mic
from refdata.kinds.base import PARTIES, Field, Kind, Plan, RowFault, currency_faults, one_of
from refdata.models import Ssi
from refdata.ssi_choice import NARROWINGS

ANY_KEY = "*"
_PRODUCT = re.compile(r"[A-Z][A-Z_]*")
_PLACE = ("party", "kind", "key", *NARROWINGS)


class Ssis(Kind):
    """`party` is a code or LEI; `key` the currency of cash, the MIC or `*` of securities, `*` of goods.

    `product`, `currency`, `market` and `book` narrow it to such trades; `*` is every one. The most specific one that
    holds on the value date is chosen: a row with an exact key goes before one for `*`, then one that names the book,
    the product, the market, the currency. Rows that name the same must not overlap: end one before the next begins.
    """

    code = "ssis"
    subject = "ssi"
    loaded_by = "ssis:load"  # who has it not proposes a change, which two people make
    table = "refdata_ssi"
    joins = "JOIN refdata_party p ON p.id = t.party_id"
    key = (*_PLACE, "valid_from")
    fields = {
        "party": Field(str, "bigint", column="party_id", read="p.code", reference=PARTIES),
        "kind": Field(str, "text"),
        "key": Field(str, "text"),
        "product": Field(str, "text", default=ANY_KEY),
        "currency": Field(str, "text", default=ANY_KEY),
        "market": Field(str, "text", default=ANY_KEY),
        "book": Field(str, "text", default=ANY_KEY),
        "account": Field(str, "text", default=""),
        "agent_bic": Field(str, "text", default=""),
        "place_of_settlement": Field(str, "text", default=""),
        "delivery_address": Field(str, "text", default=""),
        "valid_from": Field(date, "date"),
        "valid_to": Field(date, "date", default=None),
    }
    filters = {"party": "p.code = %s", "kind": "t.kind = %s", "key": "t.key = %s"}
    example = {
        "party": "SKAGENBU",
        "kind": "CASH",
        "key": "EUR",
        "account": "DE89370400440532013000",
        "agent_bic": "DEUTDEFF",
        "valid_from": "2026-01-01",
        "valid_to": None,
    }

    def prepare(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {**raw, **{name: raw.get(name) or ANY_KEY for name in NARROWINGS}}

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        yield from one_of("kind", row["kind"], Ssi.Kind.values)
        yield from _key_faults(row["kind"], row["key"])
        yield from _narrowing_faults(row)
        for name in _NEEDED.get(row["kind"], ()):
            if not row[name]:
                yield RowFault(name, f"{row['kind']} instructions need this.", "missing")
        for name in ("agent_bic", "place_of_settlement"):
            if row[name] and (fault := identifier_fault(scheme="BIC", value=row[name])):
                yield RowFault(name, fault)
        if fault := account_fault(row["account"]):
            yield RowFault("account", fault)
        if row["valid_to"] is not None and row["valid_to"] < row["valid_from"]:
            yield RowFault("valid_to", "The last day comes before the first.")

    def find_clashes(self, plans: Sequence[Plan]) -> None:
        """Refuse a book that there is not, and a row that would hold on a day on which another of its place does.

        Of two rows of one load the later one is refused. What is refused changes nothing, which may make another row
        overlap what it leaves in place.
        """
        named = sorted({plan.after["book"] for plan in plans} - {ANY_KEY})
        books = {code for (code,) in sql.rows("SELECT code FROM refdata_book WHERE code = ANY(%s)", [named])}
        for plan in plans:
            if plan.after["book"] not in {ANY_KEY, *books}:
                plan.faults.append(RowFault("book", "There is no such row yet.", "unknown"))
        sound = [plan for plan in plans if not plan.faults]
        changed = {plan.id for plan in sound}
        beside: dict[tuple[Any, ...], list[_Held]] = {}
        for row_id, row in self._of_parties({plan.after["party"] for plan in sound}).items():
            if row_id not in changed:
                beside.setdefault(_place(row), []).append(_Held(row))
        for plan in sound:
            beside.setdefault(_place(plan.after), []).append(_Held(plan.after, plan.number, plan))
        for held in beside.values():
            _refuse_overlaps(held)

    def _of_parties(self, codes: Iterable[str]) -> dict[int, dict[str, Any]]:
        found = sql.rows(f"{self.select} WHERE p.code = ANY(%s)", [sorted(codes)])
        return {row[0]: self.as_row(row) for row in found}


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """A row as it would be stored; one that is no plan's has the number 0."""

    row: Mapping[str, Any]
    number: int = 0
    plan: Plan | None = None


def _refuse_overlaps(held: list[_Held]) -> None:
    """Refuse plans among rows of one place until no two hold on the same day.

    Each round refuses the later plan of every pair that overlaps, but of pairs with one that it has refused.
    """
    while True:
        held.sort(key=lambda each: (each.row["valid_from"], each.number))
        refused: set[_Held] = set()
        for first, second in pairwise(held):
            last_day = first.row["valid_to"]
            if first in refused or (last_day is not None and last_day < second.row["valid_from"]):
                continue
            late, other = (first, second) if first.number > second.number else (second, first)
            if late.plan is not None:
                late.plan.faults.append(RowFault("valid_from", _overlaps(other.row), "overlap"))
                refused.add(late)
        if not refused:
            return
        left = [each for each in held if each not in refused]
        restored = [_Held(each.plan.before) for each in refused if each.plan and each.plan.before]
        held[:] = left + restored


def _overlaps(other: Mapping[str, Any]) -> str:
    until = "on" if other["valid_to"] is None else f"to {other['valid_to']}"
    return f"Another one holds from {other['valid_from']} {until}: end it before this one begins."


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _PLACE)


_NEEDED = {
    Ssi.Kind.CASH.value: ("account", "agent_bic"),
    Ssi.Kind.SECURITY.value: ("account", "place_of_settlement"),
    Ssi.Kind.GOODS.value: ("delivery_address",),
}


def _key_faults(kind: str, key: str) -> Iterator[RowFault]:
    if kind == Ssi.Kind.CASH:
        yield from currency_faults("key", key)
    elif kind == Ssi.Kind.SECURITY and key != ANY_KEY and not is_mic(key):
        yield RowFault("key", "A MIC (ISO 10383), or * for every market.")
    elif kind == Ssi.Kind.GOODS and key != ANY_KEY:
        yield RowFault("key", "Use * for goods.")


def _narrowing_faults(row: Mapping[str, Any]) -> Iterator[RowFault]:
    product, currency, market = row["product"], row["currency"], row["market"]
    if product != ANY_KEY and not _PRODUCT.fullmatch(product):
        yield RowFault("product", "A product like FX_SPOT, or * for every one.")
    if row["kind"] == Ssi.Kind.CASH and currency != ANY_KEY:
        yield RowFault("currency", "Use * for cash: its currency is the key.")
    elif currency != ANY_KEY:
        yield from currency_faults("currency", currency)
    if row["kind"] != Ssi.Kind.CASH and market != ANY_KEY:
        yield RowFault("market", "Use * unless it is for cash: the market of securities is the key.")
    elif market != ANY_KEY and not is_mic(market):
        yield RowFault("market", "A MIC (ISO 10383), or * for every market.")


SSIS = Ssis()

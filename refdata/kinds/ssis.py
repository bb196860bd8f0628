"""Standing settlement instructions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from refdata.identifiers import account_fault, identifier_fault, is_mic
from refdata.kinds.base import PARTIES, Field, Kind, RowFault, currency_faults, one_of
from refdata.models import Ssi

ANY_KEY = "*"


class Ssis(Kind):
    """`party` is a code or LEI; `key` the currency of cash, the MIC or `*` of securities, `*` of goods."""

    code = "ssis"
    subject = "ssi"
    table = "refdata_ssi"
    joins = "JOIN refdata_party p ON p.id = t.party_id"
    key = ("party", "kind", "key", "valid_from")
    fields = {
        "party": Field(str, "bigint", column="party_id", read="p.code", reference=PARTIES),
        "kind": Field(str, "text"),
        "key": Field(str, "text"),
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

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        yield from one_of("kind", row["kind"], Ssi.Kind.values)
        yield from _key_faults(row["kind"], row["key"])
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


SSIS = Ssis()

"""Agreements with parties under which products may be dealt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from refdata.kinds.base import PARTIES, Field, Kind, RowFault


class Agreements(Kind):
    """`party` is a code or LEI; `product` a product, or `*` for every one.

    Once any agreement names a product, every deal in it needs one with its counterparty.
    """

    code = "agreements"
    subject = "agreement"
    table = "refdata_agreement"
    joins = "JOIN refdata_party p ON p.id = t.party_id"
    key = ("party", "product", "reference", "valid_from")
    fields = {
        "party": Field(str, "bigint", column="party_id", read="p.code", reference=PARTIES),
        "product": Field(str, "text"),
        "reference": Field(str, "text"),
        "valid_from": Field(date, "date"),
        "valid_to": Field(date, "date", default=None),
    }
    filters = {"party": "p.code = %s", "product": "t.product = %s"}
    example = {
        "party": "SKAGENBU",
        "product": "FX_FORWARD",
        "reference": "ISDA-2002",
        "valid_from": "2024-05-01",
        "valid_to": "2027-04-30",
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        if row["valid_to"] is not None and row["valid_to"] < row["valid_from"]:
            yield RowFault("valid_to", "The last day comes before the first.")


AGREEMENTS = Agreements()

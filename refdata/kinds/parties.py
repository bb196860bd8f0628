"""Parties: our entities, counterparties and customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from core import sql
from refdata.identifiers import countries, identifier_fault
from refdata.kinds.base import Field, Kind, Plan, RowFault, one_of
from refdata.models import Party


class Parties(Kind):
    """`kyc_valid_to` and `lei_valid_to` are the last days on which both are in order; empty: not looked at.

    Of a customer: `credit_limit` bounds open orders in base currency, `max_discount` is a fraction of the list price.
    The first trade with a party that has `onboarded_on` is pointed out.
    """

    code = "parties"
    subject = "party"
    table = "refdata_party"
    key = ("code",)
    fields = {
        "code": Field(str, "text"),
        "name": Field(str, "text"),
        "lei": Field(str, "text", default=None),
        "bic": Field(str, "text", default=None),
        "role": Field(str, "text", default=Party.Role.COUNTERPARTY.value),
        "country": Field(str, "text", default=""),
        "restricted": Field(bool, "boolean", default=False),
        "party_group": Field(str, "text", default=""),
        "kyc_valid_to": Field(date, "date", default=None),
        "lei_valid_to": Field(date, "date", default=None),
        "onboarded_on": Field(date, "date", default=None),
        "credit_limit": Field(Decimal, "numeric", default=None, digits=(18, 2)),
        "max_discount": Field(Decimal, "numeric", default=None, digits=(2, 4)),
    }
    filters = {"code": "t.code = %s", "lei": "t.lei = %s", "role": "t.role = %s"}
    example = {
        "code": "SKAGENBU",
        "name": "Skagenbugten Fondsmæglerselskab A/S",
        "lei": "DEMO00EXAMPLE0000158",
        "bic": "SKAGDK2X",
        "role": "COUNTERPARTY",
        "country": "DK",
        "restricted": False,
        "party_group": "SKAGEN",
        "kyc_valid_to": "2028-03-31",
        "lei_valid_to": "2027-06-30",
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        for name in ("lei", "bic"):
            value = row[name]
            fault = None if value is None else identifier_fault(scheme=name.upper(), value=value)
            if fault:
                yield RowFault(name, fault)
        yield from one_of("role", row["role"], Party.Role.values)
        if row["country"] and row["country"] not in countries():
            yield RowFault("country", "ISO 3166-1 lists no such country.", "unknown")
        if row["credit_limit"] is not None and row["credit_limit"] < 0:
            yield RowFault("credit_limit", "An amount in base currency, zero or above.")
        if row["max_discount"] is not None and not 0 <= row["max_discount"] <= 1:
            yield RowFault("max_discount", "A fraction, from 0 to 1.")
        if row["lei_valid_to"] is not None and row["lei"] is None:
            yield RowFault("lei_valid_to", "Only what has an LEI has this.")

    def find_clashes(self, plans: Sequence[Plan]) -> None:
        """An LEI is one party's: refuse one that another row or another line of the load has."""
        wanted = [plan for plan in plans if plan.after["lei"] is not None]
        owners: dict[str, str] = dict(
            sql.rows(
                "SELECT lei, code FROM refdata_party WHERE lei = ANY(%s)",
                [[plan.after["lei"] for plan in wanted]],
            )
        )
        for plan in wanted:
            owner = owners.setdefault(plan.after["lei"], plan.after["code"])
            if owner != plan.after["code"]:
                plan.faults.append(RowFault("lei", f"This is the LEI of {owner}.", "taken"))


PARTIES = Parties()

"""Netting agreements: what is netted between a party and our entities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from core import sql
from refdata.kinds._validity import find_overlaps, range_faults
from refdata.kinds.base import PARTIES, Field, Kind, Plan, RowFault, one_of
from refdata.models import ANY, NettingAgreement, Party


class NettingAgreements(Kind):
    """`party` is a code or LEI; `entity` the code of one of our entities, or `*` for every one.

    `payments` is `CURRENCY` or `NONE`, `securities` is `SECURITY` (by security and place of settlement) or `NONE`,
    `goods` is `ITEM` or `NONE`. The row that names the entity goes before the one for `*`; what no row nets on a value
    date is settled gross. Where payments are not netted, a security is delivered against its payment.
    """

    code = "netting-agreements"
    subject = "netting_agreement"
    table = "refdata_netting_agreement"
    joins = "JOIN refdata_party p ON p.id = t.party_id"
    key = ("party", "entity", "valid_from")
    fields = {
        "party": Field(str, "bigint", column="party_id", read="p.code", reference=PARTIES),
        "entity": Field(str, "text"),
        "reference": Field(str, "text", default=""),
        "payments": Field(str, "text", default=NettingAgreement.Payments.NONE.value),
        "securities": Field(str, "text", default=NettingAgreement.Securities.NONE.value),
        "goods": Field(str, "text", default=NettingAgreement.Goods.NONE.value),
        "valid_from": Field(date, "date"),
        "valid_to": Field(date, "date", default=None),
    }
    filters = {"party": "p.code = %s", "entity": "t.entity = %s"}
    example = {
        "party": "SKAGENBU",
        "entity": "*",
        "reference": "IFEMA-1997",
        "payments": "CURRENCY",
        "securities": "NONE",
        "goods": "NONE",
        "valid_from": "2026-01-01",
        "valid_to": None,
    }

    def check(self, row: Mapping[str, Any]) -> Iterator[RowFault]:
        yield from one_of("payments", row["payments"], NettingAgreement.Payments.values)
        yield from one_of("securities", row["securities"], NettingAgreement.Securities.values)
        yield from one_of("goods", row["goods"], NettingAgreement.Goods.values)
        yield from range_faults(row)

    def find_clashes(self, plans: Sequence[Plan]) -> None:
        """Refuse an entity that is not one of ours, and a row that would hold beside another one of its place."""
        named = sorted({plan.after["entity"] for plan in plans} - {ANY})
        ours = sql.rows(
            "SELECT code FROM refdata_party WHERE role = %s AND code = ANY(%s)",
            [Party.Role.ENTITY.value, named],
        )
        known = {ANY, *(code for (code,) in ours)}
        for plan in plans:
            if plan.after["entity"] not in known:
                plan.faults.append(RowFault("entity", "None of our entities has this code.", "unknown"))
        find_overlaps(self, [plan for plan in plans if not plan.faults])


NETTING_AGREEMENTS = NettingAgreements()

"""Books: where positions lie."""

from __future__ import annotations

from refdata.kinds.base import PARTIES, Field, Kind


class Books(Kind):
    """`entity` is the code or LEI of the party the book belongs to."""

    code = "books"
    subject = "book"
    table = "refdata_book"
    joins = "JOIN refdata_party p ON p.id = t.entity_id"
    key = ("code",)
    fields = {
        "code": Field(str, "text"),
        "name": Field(str, "text", default=""),
        "desk": Field(str, "text"),
        "entity": Field(str, "bigint", column="entity_id", read="p.code", reference=PARTIES),
        "active": Field(bool, "boolean", default=True),
    }
    filters = {"code": "t.code = %s", "desk": "t.desk = %s", "entity": "p.code = %s"}
    example = {"code": "EQ-NORDIC", "name": "Nordic equities", "desk": "EQ", "entity": "MERIDIAN-UK"}


BOOKS = Books()

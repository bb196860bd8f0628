"""Reference data over the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as HttpClient
from drf_spectacular.generators import SchemaGenerator

from core.models import Event, IdempotencyKey
from refdata.models import FxRate, Party
from refdata.services import KINDS
from tests.refdata.conftest import LEI, load

pytestmark = pytest.mark.django_db


def post(
    client: HttpClient, kind: str, body: Any, *, key: str | None = "k1", query: str = "", **options: Any
):
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(
        f"/api/v1/refdata/{kind}{query}",
        text,
        content_type=options.get("content_type", "application/json"),
        headers=headers,
    )


class TestPosting:
    def test_answers_every_row_in_order(self, writer) -> None:
        answer = post(
            writer,
            "parties",
            {"items": [{"code": "A", "name": "A"}, {"code": "B", "lei": "X", "nom": 1}]},
        )

        assert answer.status_code == 207
        document = answer.json()
        assert {name: document[name] for name in ("kind", "mode", "applied", "created", "refused")} == {
            "kind": "parties",
            "mode": "partial",
            "applied": True,
            "created": 1,
            "refused": 1,
        }
        good, bad = document["items"]
        assert good == {"index": 0, "status": 201, "outcome": "created", "key": "A"}
        assert (bad["index"], bad["status"], bad["key"]) == (1, 422, "B")
        assert [(each["pointer"], each["code"]) for each in bad["problem"]["errors"]] == [
            ("/nom", "unknown-field"),
            ("/name", "missing"),
        ]
        assert Party.objects.count() == 1

    def test_tells_the_log_why(self, writer) -> None:
        rows = {"items": [{"code": "A", "name": "A"}, {"code": "B", "name": "B"}]}

        post(writer, "parties", rows, query="?reason=quarterly%20review")

        assert [each.reason for each in Event.objects.filter(subject="party")] == ["quarterly review"] * 2

    @pytest.mark.parametrize("reason", ["x" * 1001, "%00"])
    def test_refuses_a_reason_that_cannot_be_stored(self, writer, reason: str) -> None:
        answer = post(writer, "parties", {"items": [{"code": "A", "name": "A"}]}, query=f"?reason={reason}")

        assert answer.status_code == 400
        assert [each["pointer"] for each in answer.json()["errors"]] == ["query:reason"]
        assert not Party.objects.exists()

    def test_stores_nothing_when_atomic_and_one_row_is_bad(self, writer) -> None:
        body = {"items": [{"code": "A", "name": "A"}, {"code": "B"}]}

        answer = post(writer, "parties", body, query="?mode=atomic")

        assert answer.status_code == 207
        assert [item["status"] for item in answer.json()["items"]] == [424, 422]
        assert answer.json()["applied"] is False
        assert not Party.objects.exists()
        assert not Event.objects.filter(subject="party").exists()

    def test_is_answered_once_per_key(self, writer) -> None:
        body = {"items": [{"code": "A", "name": "A"}]}

        first = post(writer, "parties", body)
        again = post(writer, "parties", body)
        other = post(writer, "parties", {"items": [{"code": "B", "name": "B"}]})

        assert (first.status_code, again.status_code, other.status_code) == (207, 207, 422)
        assert again.content == first.content
        assert again["Idempotency-Replayed"] == "true"
        assert [party.code for party in Party.objects.all()] == ["A"]

    def test_needs_a_key(self, writer) -> None:
        answer = post(writer, "parties", {"items": [{"code": "A", "name": "A"}]}, key=None)

        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-missing")
        assert not Party.objects.exists()

    def test_needs_the_scope(self, token: Callable[..., str]) -> None:
        reader = HttpClient(headers={"Authorization": f"Bearer {token('trades:read')}"})

        answer = post(reader, "parties", {"items": [{"code": "A", "name": "A"}]})

        assert (answer.status_code, answer.json()["scope"]) == (403, "refdata:write")
        assert not Party.objects.exists()

    def test_needs_a_token(self, client) -> None:
        assert post(client, "parties", {"items": []}).status_code == 401

    def test_takes_csv(self, writer) -> None:
        answer = post(
            writer,
            "parties",
            f"code,name,lei,restricted\nA,Alpha,{LEI},true\nB,Beta,,\n",
            content_type="text/csv; charset=utf-8",
        )

        assert answer.json()["created"] == 2
        assert list(Party.objects.order_by("code").values_list("lei", "restricted")) == [
            (LEI, True),
            (None, False),
        ]

    def test_takes_ndjson(self, writer) -> None:
        answer = post(
            writer,
            "parties",
            '{"code": "A", "name": "A"}\nbroken\n',
            content_type="application/x-ndjson",
        )

        assert [item["status"] for item in answer.json()["items"]] == [201, 422]

    def test_reads_a_number_without_making_it_a_float(self, writer) -> None:
        post(writer, "fx-rates", '{"items": [{"currency": "USD", "date": "2026-11-20", "rate": 0.1}]}')

        assert str(FxRate.objects.get().rate) == "0.1000000000"

    @pytest.mark.parametrize(
        ("kind", "body", "content_type", "query", "status"),
        [
            ("unicorns", '{"items": []}', "application/json", "", 404),
            ("parties", '{"items": []}', "application/json", "", 400),
            ("parties", "{", "application/json", "", 400),
            ("parties", "code,code\n", "text/csv", "", 400),
            ("parties", "<a/>", "application/xml", "", 415),
            ("parties", '{"items": [{}]}', "application/json", "?mode=maybe", 400),
            ("parties", json.dumps({"items": [{}] * 10_001}), "application/json", "", 413),
        ],
    )
    def test_what_cannot_be_read_is_a_problem_and_stores_nothing(
        self, writer, kind: str, body: str, content_type: str, query: str, status: int
    ) -> None:
        answer = post(writer, kind, body, content_type=content_type, query=query)

        assert answer.status_code == status
        assert answer["Content-Type"] == "application/problem+json"
        assert not Party.objects.exists()
        assert not IdempotencyKey.objects.exists()


class TestListing:
    def test_pages_through_every_row_once(self, writer) -> None:
        load("parties", *({"code": f"P{n}", "name": "n"} for n in range(7)))
        seen: list[str] = []
        cursor = ""

        while cursor is not None:
            page = writer.get(f"/api/v1/refdata/parties?limit=3&cursor={cursor}").json()
            seen += [item["code"] for item in page["items"]]
            cursor = page["next"]

        assert seen == [f"P{n}" for n in range(7)]

    def test_shows_decimals_as_text_and_other_rows_by_code(self, writer, apple) -> None:
        load(
            "close-prices",
            {"instrument": "US0378331005", "date": "2026-11-20", "price": "187.250", "currency": "USD"},
        )

        page = writer.get("/api/v1/refdata/close-prices?instrument=US0378331005&date=2026-11-20").json()

        assert page == {
            "items": [
                {
                    "instrument": "US0378331005",
                    "date": "2026-11-20",
                    "price": "187.25",
                    "currency": "USD",
                    "low": None,
                    "high": None,
                }
            ],
            "next": None,
        }

    def test_filters_by_equality(self, writer, party) -> None:
        page = writer.get("/api/v1/refdata/parties?role=ENTITY").json()

        assert [item["code"] for item in page["items"]] == ["ENT"]

    @pytest.mark.parametrize(
        ("query", "pointer"),
        [
            ("colour=red", "query:colour"),
            ("code=%00", "query:code"),
            ("cursor=zzz", "query:cursor"),
            ("limit=0", "query:limit"),
        ],
    )
    def test_refuses_a_bent_query(self, writer, query: str, pointer: str) -> None:
        answer = writer.get(f"/api/v1/refdata/parties?{query}")

        assert answer.status_code == 400
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]

    def test_refuses_a_date_that_is_none(self, writer) -> None:
        assert writer.get("/api/v1/refdata/holidays?date=soon").status_code == 400

    def test_needs_the_scope(self, token: Callable[..., str]) -> None:
        other = HttpClient(headers={"Authorization": f"Bearer {token('refdata:write')}"})

        assert other.get("/api/v1/refdata/parties").status_code == 403

    def test_of_an_unknown_kind_is_not_found(self, writer) -> None:
        assert writer.get("/api/v1/refdata/unicorns").status_code == 404


class TestTheDescription:
    def test_has_examples_that_run(self, writer) -> None:
        schema = SchemaGenerator().get_schema(public=True)
        operation = schema["paths"]["/api/v1/refdata/{kind}"]["post"]
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
        by_kind = {example["summary"]: example["value"] for example in examples.values()}
        load("parties", {"code": "MERIDIAN-UK", "name": "Entity", "role": "ENTITY"})
        order = (
            *("parties", "instruments", "books", "ssis", "holidays", "close-prices", "fx-rates"),
            *(
                "mandates",
                "watch-lists",
                "agreements",
                "netting-agreements",
                "settlement-cycles",
                "cut-offs",
                "billing-terms",
                "penalty-rates",
                "maximum-sizes",
            ),
        )

        assert set(order) == set(by_kind) == set(KINDS)
        for kind in order:
            answer = post(writer, kind, by_kind[kind], key=f"example-{kind}")

            assert (answer.status_code, answer.json()["created"]) == (207, 1), answer.content

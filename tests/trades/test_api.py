"""The front office's door: one trade in, once and only once, and every refusal a problem that says why."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
import time_machine
from django.test import Client

from core import sql
from core.audit import system
from core.clock import utc_now
from core.http.authentication import revoke_client
from core.http.idempotency import forget_keys
from core.ids import TRADE, database_id, public_id
from tests.support.api import Api, pointers, problem
from tests.support.factories import (
    check_everything,
    equity,
    findings_of,
    fx,
    goods,
    limit,
    other_connection,
    world,
)
from tests.support.records import NOW, all_written, events_of, state_of
from trades.lifecycle import State
from trades.products import PRODUCTS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_noon():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def api(db) -> Api:
    world()
    return Api()


def trades() -> int:
    (count,) = sql.row("SELECT count(*) FROM trades_version")
    return count


def id_of(answer) -> int:
    number = database_id(TRADE, answer.json()["id"])
    assert number is not None
    return number


class TestANewDeal:
    def test_is_201_with_its_location_and_etag(self, api):
        answer = api.trade(equity("E-1"), headers={"X-Request-ID": "desk-4711"})
        assert answer.status_code == 201
        reference = answer.json()["id"]
        assert answer["Location"] == f"/api/v1/trades/{reference}"
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Request-ID"] == "desk-4711"
        assert "Idempotency-Replayed" not in answer
        read = api.get(f"/trades/{reference}")
        assert (read.status_code, read["ETag"]) == (200, answer["ETag"])

    def test_is_told_completely(self, api):
        document = api.trade(
            equity("E-1", executed_at="2026-11-23T09:03:11-05:00", source_version=3,
                   fees=[{"type": "COMMISSION", "amount": "1.95", "currency": "USD"}])
        ).json()  # fmt: skip
        assert document["recorded_at"] == document["changed_at"]
        told = {
            name: document[name] for name in document.keys() - {"id", "recorded_at", "changed_at", "links"}
        }
        assert told == {
            "status": "CAPTURED", "version": 1, "source": "FO-EQ", "source_ref": "E-1", "source_version": 3,
            "product": "EQUITY", "side": "BUY", "instrument": "US0378331005", "counterparty": "BROKER-01",
            "book": "BOOK-1", "trader": "jdoe", "quantity": "100", "price": "187.25", "currency": "USD",
            "gross_amount": "18725.00", "net_amount": "18726.95", "contra_currency": None, "contra_amount": None,
            "trade_date": "2026-11-23", "settlement_date": "2026-11-25", "executed_at": "2026-11-23T14:03:11Z",
            "effective_at": "2026-11-23T14:03:11Z",
            "fees": [{"type": "COMMISSION", "amount": "1.95", "currency": "USD"}], "terms": {}, "findings": [],
            "block": None, "parts": [],
        }  # fmt: skip
        self_link = f"/api/v1/trades/{document['id']}"
        assert document["links"] == {
            name: f"{self_link}{rest}"
            for name, rest in (("self", ""), ("events", "/events"), ("allocations", "/allocations"))
        }

    @pytest.mark.parametrize(
        "document",
        [
            equity("A", price="0.1234567891", quantity="1E+3"),
            equity("B", settlement_date=None, executed_at="2026-11-23T14:03:11.123456+01:00"),
            fx("C", net_amount="1000000"),
            fx("D", settlement_date=None, product="FX_SPOT"),
            goods("E", settlement_date=None, fees=[{"type": "SHIPPING", "amount": "3.9", "currency": "EUR"}]),
        ],
        ids=["numbers", "moments", "stated net", "exchange", "order"],
    )
    def test_is_answered_as_it_is_read_later(self, api, document):
        answer = api.trade(document)
        assert answer.status_code == 201
        assert api.get(f"/trades/{answer.json()['id']}").json() == answer.json()

    @pytest.mark.parametrize("code", sorted(PRODUCTS))
    def test_is_captured_for_the_example_of_every_product(self, api, code):
        answer = api.trade(PRODUCTS[code].example)
        assert (answer.status_code, answer.json()["product"]) == (201, code)

    def test_has_one_event_one_state_and_one_work_row(self, api):
        trade_id = id_of(api.trade(equity(), headers={"X-Request-ID": "desk-4711"}))
        assert events_of(trade_id) == [("trade.captured", 1, "client:front", "desk-4711", "", None)]
        assert state_of(trade_id) == (State.CAPTURED, 1)
        assert sql.rows("SELECT task, subject_ids FROM core_work") == [("risk.check", [trade_id])]

    def test_that_breaks_a_rule_is_201_all_the_same_and_held_by_the_checks(self, api):
        answer = api.trade(equity(counterparty="NOBODY", quantity="-1"))
        assert answer.status_code == 201
        check_everything(now=utc_now())
        document = api.get(f"/trades/{answer.json()['id']}").json()
        assert document["status"] == "EXCEPTION"
        assert {finding["code"] for finding in document["findings"]} == {"UNKNOWN_PARTY", "NON_POSITIVE"}


class TestTheSameKey:
    def test_gets_the_stored_answer_to_the_byte_and_makes_nothing(self, api):
        first = api.trade(equity("E-1"), key="k")
        check_everything(now=utc_now())  # the stored answer does not follow the trade
        second = api.trade(equity("E-1"), key="k")
        assert (second.status_code, second["Idempotency-Replayed"]) == (201, "true")
        assert (second.content, second["Location"], second["ETag"]) == (
            first.content, first["Location"], first["ETag"],
        )  # fmt: skip
        assert trades() == 1

    def test_is_422_with_another_body(self, api):
        api.trade(equity("E-1"), key="k")
        problem(api.trade(equity("E-2"), key="k"), 422, "idempotency-key-reused")
        assert trades() == 1

    def test_is_422_at_another_address(self, api):
        body = {"items": [equity("E-1")]}
        api.post("/trade-batches", body, key="k")
        problem(api.post("/trade-batches?mode=atomic", body, key="k"), 422, "idempotency-key-reused")

    def test_is_another_clients_own(self, api):
        other = Api("other")
        assert api.trade(equity("E-1"), key="k").status_code == 201
        assert other.trade(equity("E-2"), key="k").status_code == 201
        assert trades() == 2

    def test_is_free_again_after_seven_days_and_the_deal_is_still_known(self, api):
        first = api.trade(equity("E-1"), key="k")
        assert forget_keys(now=utc_now() + timedelta(days=6, hours=23)) == 0
        assert forget_keys(now=utc_now() + timedelta(days=7, minutes=1)) == 1
        again = api.trade(equity("E-1"), key="k")
        assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])

    def test_of_a_refused_request_is_not_used_up(self, api):
        problem(api.trade(equity("E-1", price="x"), key="k"), 400, "unreadable")
        api.trade(equity("E-0"))
        problem(api.trade(equity("E-0", price="1"), key="k"), 409, "reference-taken")
        assert api.trade(equity("E-1"), key="k").status_code == 201

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("path", ["/trades", "/trade-batches"])
    def test_is_409_with_a_time_to_wait_while_its_request_is_in_flight(self, path):
        world()
        api = Api()
        body = equity("E-1") if path == "/trades" else {"items": [equity("E-1")]}
        with other_connection() as other:
            other.execute("BEGIN")
            other.execute("SELECT core_hold_idempotency_key(%s, 'k')", [api.client.id])
            answer = api.post(path, body, key="k")
            problem(answer, 409, "idempotency-in-flight")
            assert answer["Retry-After"] == "1"
            assert trades() == 0
            assert api.post(path, body, key="other").status_code in {201, 207}
        assert api.post(path, body, key="k").status_code in {200, 207}

    @pytest.mark.django_db(transaction=True)
    def test_leaves_nothing_when_the_request_fails_half_way(self, monkeypatch):
        world()
        api = Api()
        api._http.raise_request_exception = False
        before = all_written()
        with monkeypatch.context() as broken:
            broken.setattr("trades.api.views._created", _explode)
            problem(api.trade(equity("E-1"), key="k"), 500, "internal")
        assert all_written() == before
        assert api.trade(equity("E-1"), key="k").status_code == 201


def _explode(*_):
    raise RuntimeError("broken")


class TestAKey:
    @pytest.mark.parametrize("path", ["/trades", "/trade-batches", "/trades?dry_run=false"])
    def test_that_is_missing_is_400(self, api, path):
        body = {"items": [equity()]} if path == "/trade-batches" else equity()
        document = problem(api.post(path, body, key=""), 400, "idempotency-key-missing")
        assert pointers(document) == ["header:Idempotency-Key"]
        assert trades() == 0

    @pytest.mark.parametrize("key", ["two words", "k" * 256, "schlüssel".encode().decode("latin-1")])
    def test_that_is_malformed_is_400(self, api, key):
        problem(api.trade(equity(), key=key), 400, "idempotency-key-malformed")

    def test_of_255_visible_characters_is_a_key(self, api):
        assert api.trade(equity(), key="~" * 255).status_code == 201


class TestADealCapturedBefore:
    def test_with_the_same_terms_is_200_with_the_first_trade(self, api):
        first = api.trade(equity("E-1"))
        again = api.trade(equity("E-1"))
        assert (again.status_code, again.json()) == (200, first.json())
        assert again["ETag"] == first["ETag"]
        assert again["Location"] == first["Location"]
        assert "Idempotency-Replayed" not in again
        assert trades() == 1

    def test_is_found_whatever_became_of_it(self, api):
        first = api.trade(equity("E-1"))
        check_everything(now=utc_now())
        again = api.trade(equity("E-1"))
        assert (again.status_code, again.json()["id"], again.json()["status"]) == (
            200,
            first.json()["id"],
            "VALIDATED",
        )

    @pytest.mark.parametrize(
        ("document", "rewritten"),
        [
            (equity("E"), equity("E", quantity="1E+2", price="187.250")),
            (equity("E"), {**equity("E"), "fees": [], "terms": {}, "gross_amount": "18725"}),
            (equity("E", executed_at="2026-11-23T14:00:00Z"), equity("E", executed_at="2026-11-23T09:00:00-05:00")),
            (
                equity("E", fees=[{"type": "TAX", "amount": "1.9", "currency": "USD"}]),
                equity("E", fees=[{"type": "TAX", "amount": "1.90", "currency": "USD"}]),
            ),
            (
                goods("O", lines=[{"sku": "SKU-1", "quantity": "1", "unit_price": "1.5"}]),
                goods("O", lines=[{"sku": "SKU-1", "quantity": "1.0", "unit_price": "1.50", "description": ""}]),
            ),
        ],
        ids=["numbers", "defaults", "moments", "fees", "lines"],
    )  # fmt: skip
    def test_is_the_same_deal_however_it_is_written(self, api, document, rewritten):
        assert api.trade(document).status_code == 201
        assert api.trade(rewritten).status_code == 200

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"price": "187.26"}, ["/price"]),
            ({"side": "SELL", "quantity": "101"}, ["/quantity", "/side"]),
            ({"settlement_date": "2026-11-26"}, ["/settlement_date"]),
            ({"counterparty": "CUST-01", "trader": "other"}, ["/counterparty", "/trader"]),
            ({"fees": [{"type": "TAX", "amount": "1", "currency": "USD"}]}, ["/fees"]),
            ({"gross_amount": "18725.01"}, ["/gross_amount"]),
            ({"instrument": "DE0007164600", "book": "OTHER"}, ["/book", "/instrument"]),
        ],
    )
    def test_with_other_terms_is_409_naming_the_differing_fields(self, api, changes, fields):
        first = api.trade(equity("E-1"))
        before = all_written()
        document = problem(api.trade(equity("E-1", **changes)), 409, "reference-taken")
        assert pointers(document) == fields
        assert document["trade"] == first.json()["id"]
        assert all_written() == before

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"rate": "1.0851"}, ["/terms/rate"]),
            ({"rate_basis": "SOLD_PER_BOUGHT"}, ["/terms/rate_basis"]),
            ({"sold": {"currency": "USD", "amount": "1085000.01"}}, ["/terms/sold/amount"]),
            ({"bought": {"currency": "GBP", "amount": "1000000"}}, ["/terms/bought/currency"]),
        ],
    )
    def test_of_an_exchange_names_the_differing_terms_as_they_are_sent(self, api, changes, fields):
        deal = fx("F-1")
        api.trade(deal)
        document = problem(api.trade({**deal, "terms": {**deal["terms"], **changes}}), 409, "reference-taken")
        assert pointers(document) == fields

    def test_of_an_order_names_its_lines(self, api):
        api.trade(goods("O-1"))
        line = {"sku": "SKU-1", "quantity": "1", "unit_price": "4.25"}
        answer = api.trade(goods("O-1", lines=[line]))
        assert pointers(problem(answer, 409, "reference-taken")) == ["/terms/lines"]

    def test_under_another_source_is_another_deal(self, api):
        assert api.trade(equity("E-1")).status_code == 201
        assert api.trade(equity("E-1", source="FO-OTHER", quantity="7")).status_code == 201


class TestWhatCannotBeRead:
    def test_is_400_with_every_fault_and_stores_nothing(self, api):
        before = all_written()
        answer = api.trade({**equity(side="HOLD", quantity="x", colour="red"), "book": 1})
        document = problem(answer, 400, "unreadable")
        assert pointers(document) == ["/book", "/colour", "/quantity", "/side"]
        assert all(error["detail"] and error["code"] for error in document["errors"])
        assert all_written() == before

    @pytest.mark.parametrize(
        "body", [b"", b"{", b'{"source": "\xff"}', b"[" * 50_000, b"\0", "é".encode("utf-16")], ids=range(6)
    )
    def test_is_400_for_any_bytes(self, api, body):
        assert pointers(problem(api.trade(body), 400, "unreadable")) == [""]

    def test_is_413_above_two_mebibytes(self, api):
        body = msgspec.json.encode(equity()) + b" " * (2 * 1024 * 1024)
        problem(api.trade(body), 413, "too-large")

    def test_is_411_without_its_length(self, api):
        headers = {"Transfer-Encoding": "chunked", "Authorization": "Bearer none"}
        problem(Client().generic("POST", "/api/v1/trades", headers=headers), 411, "length-required")

    def test_is_read_whatever_the_content_type_says(self, api):
        assert api.trade(equity(), content_type="text/plain").status_code == 201


class TestWho:
    def _refused(self, answer):
        document = problem(answer, 401, "unauthenticated")
        assert answer["WWW-Authenticate"] == 'Bearer realm="middleoffice"'
        return document.get("detail")

    @pytest.mark.parametrize(
        "header",
        ["", "Basic dXNlcjpwYXNz", "Bearer", "Bearer nonsense", "Bearer mo_1", "Bearer mo_unknown_secret",
         "Bearer mo_\xff_secret", "Token mo_a_b"],
    )  # fmt: skip
    def test_shows_no_token_that_is_known_is_401(self, api, header):
        self._refused(api.trade(equity(), headers={"Authorization": header}))
        self._refused(api.get("/trades", headers={"Authorization": header}))
        assert trades() == 0

    def test_shows_a_known_key_with_another_secret_is_401(self, api):
        forged = api.token[:-1] + ("A" if api.token[-1] != "A" else "B")
        self._refused(api.get("/trades", headers={"Authorization": f"Bearer {forged}"}))

    def test_is_revoked_is_401_from_the_next_request_on(self, api):
        assert api.get("/trades").status_code == 200
        revoke_client(client=api.client, actor=system("tests"), at=utc_now(), reason="left")
        assert "revoked" in self._refused(api.get("/trades"))

    def test_is_expired_is_401_from_that_moment_on(self, api):
        brief = Api("brief", expires_at=utc_now() + timedelta(hours=1))
        assert brief.get("/trades").status_code == 200
        with time_machine.travel(NOW + timedelta(hours=1, minutes=1)):
            assert "expired" in self._refused(brief.get("/trades"))

    @pytest.mark.parametrize(
        ("method", "path", "scope"),
        [("POST", "/trades", "trades:write"), ("POST", "/trade-batches", "trades:write"),
         ("POST", "/trades?dry_run=true", "trades:write"), ("GET", "/trades", "trades:read"),
         ("GET", "/trades/trd_4S7H", "trades:read"), ("GET", "/trades/trd_4S7H/events", "trades:read")],
    )  # fmt: skip
    def test_lacks_the_scope_is_403_naming_it(self, api, method, path, scope):
        others = {"trades:read", "trades:write", "settlement:read"} - {scope}
        narrow = Api("narrow", scopes=sorted(others))
        answer = narrow.post(path, equity()) if method == "POST" else narrow.get(path)
        assert problem(answer, 403, "missing-scope")["scope"] == scope
        assert trades() == 0

    def test_posts_for_a_source_of_others_is_403(self, api):
        bound = Api("bound", sources=["FO-FX"])
        document = problem(bound.trade(equity("E-1")), 403, "foreign-source")
        assert pointers(document) == ["/source"]
        problem(bound.dry_run(equity("E-1")), 403, "foreign-source")
        assert trades() == 0
        assert bound.trade(fx("F-1")).status_code == 201

    def test_is_bound_to_sources_sees_only_theirs(self, api):
        bound = Api("bound", sources=["FO-FX"])
        mine, foreign = bound.trade(fx("F-1")).json(), api.trade(equity("E-1")).json()
        assert bound.get(f"/trades/{mine['id']}").status_code == 200
        problem(bound.get(f"/trades/{foreign['id']}"), 404, "not-found")
        problem(bound.get(f"/trades/{foreign['id']}/events"), 404, "not-found")
        for query in ({"source_ref": "E-1"}, {"source_ref": "E-1", "source": "FO-EQ"}):
            assert bound.get("/trades", **query).json()["items"] == []
        assert [each["id"] for each in bound.get("/trades", source_ref="F-1").json()["items"]] == [mine["id"]]


class TestADryRun:
    def test_stores_nothing_and_wakes_nobody(self, api, django_capture_on_commit_callbacks):
        limit(hard="10")
        before = (
            all_written(),
            sql.rows("SELECT * FROM risk_utilisation"),
            sql.rows("SELECT 1 FROM core_idempotency_key"),
        )
        with django_capture_on_commit_callbacks() as callbacks:
            assert api.dry_run(equity()).status_code == 200
        assert callbacks == []
        assert before == (
            all_written(), sql.rows("SELECT * FROM risk_utilisation"), sql.rows("SELECT 1 FROM core_idempotency_key"),
        )  # fmt: skip

    @pytest.mark.parametrize(
        "document",
        [
            equity("D-1"),
            equity("D-2", counterparty="NOBODY", price="900", settlement_date="2026-11-28"),
            fx("D-3", terms={"bought": {"currency": "EUR", "amount": "1"}, "sold": {"currency": "USD", "amount": "9"},
                             "rate": "1.085"}),
            goods("D-4", lines=[{"sku": "NOTHING", "quantity": "-1", "unit_price": "0"}]),
            equity("D-5", quantity="1000000"),
        ],
        ids=["good", "bad", "exchange", "order", "limits"],
    )  # fmt: skip
    def test_says_what_the_real_call_then_finds(self, api, document):
        limit(hard="1000000", warn="500000")
        promised = api.dry_run(document).json()
        assert promised["outcome"] == "CREATED"
        trade_id = id_of(api.trade(document))
        check_everything(now=utc_now())
        told = [{name: finding[name] for name in ("code", "severity", "subject", "message", "expected", "actual")}
                for finding in promised["findings"]]  # fmt: skip
        found = (
            [{name: finding[name] for name in told[0]} for finding in findings_of(trade_id)] if told else []
        )
        assert told == found
        assert promised["would_be"] == state_of(trade_id)[0].name

    def test_of_a_deal_captured_before_tells_where_it_stands(self, api):
        api.trade(equity("E-1", counterparty="NOBODY"))
        check_everything(now=utc_now())
        answer = api.dry_run(equity("E-1", counterparty="NOBODY")).json()
        assert (answer["outcome"], answer["would_be"]) == ("EXISTING", "EXCEPTION")
        assert [finding["code"] for finding in answer["findings"]] == ["UNKNOWN_PARTY"]

    def test_of_a_reference_with_other_terms_is_409(self, api):
        api.trade(equity("E-1"))
        assert pointers(problem(api.dry_run(equity("E-1", price="1")), 409, "reference-taken")) == ["/price"]

    def test_of_what_cannot_be_read_is_400(self, api):
        assert pointers(problem(api.dry_run(equity(price="x")), 400, "unreadable")) == ["/price"]

    @pytest.mark.parametrize("value", ["True", "1", "yes", ""])
    def test_asked_for_in_other_words_is_400_and_no_real_call(self, api, value):
        document = problem(api.post(f"/trades?dry_run={value}", equity()), 400, "unreadable")
        assert pointers(document) == ["query:dry_run"]
        assert trades() == 0

    def test_that_is_declined_is_a_real_call(self, api):
        assert api.post("/trades?dry_run=false", equity()).status_code == 201


class TestReadingATrade:
    def test_is_304_while_it_is_unchanged(self, api):
        answer = api.trade(equity())
        path = f"/trades/{answer.json()['id']}"
        etag = answer["ETag"]
        assert etag.startswith('"')
        unchanged = api.get(path, headers={"If-None-Match": etag})
        assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", etag)
        check_everything(now=utc_now())
        changed = api.get(path, headers={"If-None-Match": etag})
        assert (changed.status_code, changed.json()["status"]) == (200, "VALIDATED")
        assert changed["ETag"] != etag

    def test_shows_its_findings_the_open_ones_first(self, api):
        answer = api.trade(equity(price="900"))
        check_everything(now=utc_now())
        path = f"/trades/{answer.json()['id']}"
        (finding,) = api.get(path).json()["findings"]
        assert finding["found_at"].endswith("Z")
        del finding["found_at"]
        inputs = finding.pop("inputs")
        assert (inputs["price"], inputs["close"], inputs["parameters"]["tolerance"]) == ("900", "187", "0.10")
        assert finding == {
            "code": "OFF_MARKET_PRICE", "severity": "BLOCK", "subject": "price", "version": 1,
            "message": "The price 900 is off the market: the close was 187 of 2026-11-23.",
            "expected": "187 of 2026-11-23", "actual": "900", "closed_at": None, "closing": "",
            "parameter_version": 0,
        }  # fmt: skip

    @pytest.mark.parametrize(
        "reference", ["trd_9999A", "trd_", "trd", "bat_4S7H", "1001", "trd_%00", "trd_4S7I"]
    )
    def test_that_is_not_there_is_404(self, api, reference):
        problem(api.get(f"/trades/{reference}"), 404, "not-found")
        problem(api.get(f"/trades/{reference}/events"), 404, "not-found")

    def test_by_a_mistyped_reference_is_404_and_by_its_lower_case_the_trade(self, api):
        reference = api.trade(equity()).json()["id"]
        swapped = public_id(TRADE, database_id(TRADE, reference) + 1)
        problem(api.get(f"/trades/{swapped}"), 404, "not-found")
        assert api.get(f"/trades/{reference.lower()}").json()["id"] == reference


class TestTheTimeline:
    def test_tells_every_event_oldest_first_with_who_and_why(self, api):
        trade_id = id_of(api.trade(equity(), headers={"X-Request-ID": "desk-4711"}))
        check_everything(now=utc_now())
        document = api.get(f"/trades/{public_id(TRADE, trade_id)}/events").json()
        assert document["next"] is None
        told = [
            (each["type"], each["version"], each["actor"], each["request_id"]) for each in document["items"]
        ]
        assert told == [
            ("trade.captured", 1, "client:front", "desk-4711"),
            ("trade.validated", 1, "system:checks", ""),
        ]
        assert [each["id"] for each in document["items"]] == sorted(each["id"] for each in document["items"])

    def test_comes_in_pages_that_skip_nothing(self, api):
        trade_id = id_of(api.trade(equity(price="900")))
        check_everything(now=utc_now())
        path = f"/trades/{public_id(TRADE, trade_id)}/events"
        whole = api.get(path).json()["items"]
        assert len(whole) == 3
        seen, cursor = [], ""
        while cursor is not None:
            document = api.get(path, limit=1, cursor=cursor).json()
            seen += document["items"]
            cursor = document["next"]
        assert seen == whole


class TestOtherErrors:
    def test_an_unknown_address_is_404_as_a_problem(self, api):
        problem(api.get("/nothing"), 404, "not-found")

    @pytest.mark.parametrize("path", ["/trades/trd_4S7H", "/trades/trd_4S7H/events"])
    def test_another_method_is_405_as_a_problem(self, api, path):
        problem(api.post(path, {}), 405, "method-not-allowed")

    def test_a_crash_is_500_that_says_nothing_of_the_inside(self, api, monkeypatch):
        api._http.raise_request_exception = False
        monkeypatch.setattr("trades.api.views.read_trade", _explode)
        document = problem(api.get(f"/trades/{public_id(TRADE, 1)}"), 500, "internal")
        assert "broken" not in str(document)

    @pytest.mark.parametrize("given", ["short", "x" * 65, "white space!", ""])
    def test_a_request_id_that_is_not_well_formed_is_replaced(self, api, given):
        answer = api.get("/trades", headers={"X-Request-ID": given})
        assert answer["X-Request-ID"] != given
        assert len(answer["X-Request-ID"]) == 20


def test_a_position_is_measured_at_the_rate_of_the_day_of_capture(api):
    trade_id = id_of(api.trade(equity()))
    (amount,) = sql.row("SELECT base_amount FROM trades_version WHERE trade_id = %s", [trade_id])
    assert amount == Decimal("17227.0000")

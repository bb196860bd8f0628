"""The back office's API: routes, headers, refusals."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import UTC, datetime

import pytest

from core import sql
from core.ids import BATCH, public_id
from refdata.models import Party
from settlement import selectors
from settlement.api import claims
from settlement.api.ranges import Unsatisfiable, byte_range
from tests.settlement.support import (
    BackOffice,
    advance,
    batch_of,
    bytes_of,
    control_of,
    counts,
    everything,
    instruction_ids,
    lines_of,
    ref,
    seal,
    state,
    validated,
)
from tests.support.factories import equity, fx, settle_gross, world

pytestmark = pytest.mark.django_db
NDJSON = "application/x-ndjson"


@pytest.fixture
def office():
    return BackOffice()


@pytest.fixture
def sealed():
    world()
    trade_ids = validated(equity(), fx())
    seal()
    return trade_ids


def path(batch_id, *more):
    return "/".join(["settlement-batches", public_id(BATCH, batch_id), *more])


def pointers(answer):
    assert answer["Content-Type"] == "application/problem+json"
    return [each["pointer"] for each in answer.json()["errors"]]


def test_batches_are_listed_in_the_order_of_sealing_with_what_is_in_them(sealed, office):
    answer = office.get("settlement-batches")

    assert answer.status_code == 200
    cash, securities = answer.json()["items"]
    assert answer.json()["next"] is None
    assert (cash["id"], cash["channel"], cash["sequence"]) == (public_id(BATCH, batch_of("CASH")), "CASH", 1)
    assert (securities["channel"], securities["status"]) == ("SECURITIES", "SEALED")
    assert cash["control_totals"]["USD"] == {"DELIVER": {"count": 1, "sum": "1103725.00"}}
    assert cash["progress"] == {"accepted": 0, "rejected": 0, "settled": 0}
    assert cash["sha256"] == hashlib.sha256(bytes_of(batch_of("CASH"))).hexdigest()
    assert office.get(cash["links"]["self"].removeprefix("/api/v1/")).json() == cash


def test_the_list_is_filtered_and_paged(sealed, office):
    validated(equity(settlement_date="2026-11-24"))
    seal()
    first = office.get("settlement-batches?limit=3").json()
    rest = office.get(f"settlement-batches?limit=3&cursor={first['next']}").json()

    assert len(first["items"]) == 3
    assert [each["value_date"] for each in rest["items"]] == ["2026-11-24"]
    assert rest["next"] is None
    for query, count in (
        ("channel=CASH", 2),
        ("value_date=2026-11-24", 2),
        ("channel=GOODS", 0),
        ("status=SEALED", 4),
        ("status=CLAIMED", 0),
    ):
        assert len(office.get(f"settlement-batches?{query}").json()["items"]) == count, query


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("channel=POST", "query:channel"),
        ("status=DONE", "query:status"),
        ("value_date=tomorrow", "query:value_date"),
        ("cursor=%00", "query:cursor"),
        ("limit=1001", "query:limit"),
    ],
)
def test_a_malformed_query_is_named(office, query, pointer):
    answer = office.get(f"settlement-batches?{query}")
    assert (answer.status_code, pointers(answer)) == (400, [pointer])


def test_a_batch_goes_through_its_statuses(sealed, office):
    def statuses():
        return [each["status"] for each in office.get("settlement-batches").json()["items"]]

    cash, securities = batch_of("CASH"), batch_of("SECURITIES")
    office.claim(cash)
    assert statuses() == ["CLAIMED", "SEALED"]
    office.acknowledge(cash, office.lines(cash))
    assert statuses() == ["ACKNOWLEDGED", "SEALED"]
    office.report(*({"instruction": line["instruction"], "status": "SETTLED"} for line in lines_of(cash)))
    assert statuses() == ["SETTLED", "SEALED"]
    assert len(office.get("settlement-batches?status=SETTLED").json()["items"]) == 1
    assert office.get(path(securities)).json()["status"] == "SEALED"


def test_a_claim_is_made_extended_shown_and_given_back(sealed, office):
    made = office.claim(batch_of("CASH"), lease_seconds=60)
    again = office.claim(batch_of("CASH"), lease_seconds=90)
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json()["id"] == again.json()["id"]

    other = BackOffice("other")
    refused = other.claim(batch_of("CASH"))
    assert (refused.status_code, refused.json()["code"]) == (409, "claimed-by-another")
    assert 80 <= int(refused["Retry-After"]) <= 90

    (shown,) = office.get(path(batch_of("CASH"), "claims")).json()["items"]
    assert (shown["client"], shown["open"]) == ("back-office", True)
    released = office.http.delete(
        f"/api/v1/{path(batch_of('CASH'), 'claims')}", headers={"Idempotency-Key": "release-1"}
    )
    assert (released.status_code, released.json()) == (200, {"released": True})
    assert other.claim(batch_of("CASH")).status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ("{", 400, ""),
        ("[]", 400, ""),
        ({"lease_seconds": "300"}, 400, "/lease_seconds"),
        ({"lease_seconds": True}, 400, "/lease_seconds"),
        ({"lease": 300}, 400, "/lease"),
        ({"lease_seconds": 9}, 422, "/lease_seconds"),
    ],
)
def test_a_claim_that_cannot_be_read_is_refused(sealed, office, body, status, pointer):
    before = everything()
    answer = office.post(path(batch_of("CASH"), "claims"), body)
    assert (answer.status_code, pointers(answer)) == (status, [pointer])
    assert everything() == before


def test_unsafe_requests_need_a_key_and_are_answered_once(sealed, office):
    where = f"/api/v1/{path(batch_of('CASH'), 'claims')}"
    missing = office.http.post(where, data="{}", content_type="application/json")
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency-key-missing")

    first = office.post(path(batch_of("CASH"), "claims"), {"lease_seconds": 60}, key="k-1")
    again = office.post(path(batch_of("CASH"), "claims"), {"lease_seconds": 60}, key="k-1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotency-Replayed"] == "true"
    assert counts("settlement_batch_claim") == {"settlement_batch_claim": 1}


def test_reading_and_answering_need_their_scopes(sealed):
    reader = BackOffice("reader", scopes=["settlement:read"])
    writer = BackOffice("writer", scopes=["settlement:ack"])

    assert reader.get("settlement-batches").status_code == 200
    assert reader.claim(batch_of("CASH")).json()["scope"] == "settlement:ack"
    assert writer.get("settlement-batches").json()["scope"] == "settlement:read"
    assert writer.claim(batch_of("CASH")).status_code == 201
    assert counts("settlement_batch_claim") == {"settlement_batch_claim": 1}


@pytest.mark.parametrize("more", [(), ("claims",), ("instructions",)])
def test_what_is_not_there_is_not_found(office, more):
    for reference in (public_id(BATCH, 77), "bat_77", "nonsense"):
        answer = office.get("/".join(["settlement-batches", reference, *more]))
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


# --- pulling ---------------------------------------------------------------------------------------------


@pytest.fixture
def long_batch():
    """A batch of 2,500 lines on three pages."""
    made = world()
    Party.objects.filter(id=made.broker.id).update(name="Brokér & Söhne")
    settle_gross(made.broker)
    validated(*(equity(f"E-{n:05}") for n in range(2_500)))
    seal()
    return batch_of("CASH")


def pull(office, batch_id, **headers):
    answer = office.get(path(batch_id, "instructions"), Accept=NDJSON, **headers)
    return answer, b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_the_stream_is_the_stored_bytes_and_its_etag_their_hash(long_batch, office):
    answer, data = pull(office, long_batch)

    assert answer.status_code == 200
    assert (answer["Content-Type"], answer["Vary"]) == (NDJSON, "Accept")
    assert data == bytes_of(long_batch)
    assert answer["ETag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert answer["Content-Length"] == str(len(data))
    assert pull(office, long_batch)[1] == data
    assert data.count(b"\n") == 2_500


def test_who_has_the_bytes_gets_no_bytes(long_batch, office):
    etag = pull(office, long_batch)[0]["ETag"]
    for given in (etag, f'"other", {etag}', "*"):
        answer, data = pull(office, long_batch, If_None_Match=given)
        assert (answer.status_code, data, answer["ETag"]) == (304, b"", etag)
    assert pull(office, long_batch, If_None_Match='"other"')[0].status_code == 200


def test_head_tells_the_size_and_hash_without_the_bytes(long_batch, office):
    answer = office.http.head(f"/api/v1/{path(long_batch, 'instructions')}", headers={"Accept": NDJSON})
    assert (answer.status_code, answer["Accept-Ranges"]) == (200, "bytes")
    assert answer["Content-Length"] == str(len(bytes_of(long_batch)))
    assert b"".join(answer.streaming_content) == b""


def test_a_pull_cut_anywhere_goes_on_to_the_same_bytes(long_batch, office, monkeypatch):
    monkeypatch.setattr(selectors, "_PAGES_AT_ONCE", 1)
    whole = bytes_of(long_batch)
    ends = [
        end
        for (end,) in sql.rows(
            "SELECT sum(byte_count) OVER (ORDER BY number)::int FROM settlement_batch_page WHERE batch_id = %s",
            [long_batch],
        )
    ]
    first_line = whole.index(b"\n")
    cuts = {1, 7, first_line, first_line + 1, whole.index("é".encode()) + 1, len(whole) - 1}
    cuts |= {end + step for end in ends[:-1] for step in (-1, 0, 1)}
    for cut in sorted(cuts):
        answer, rest = pull(office, long_batch, Range=f"bytes={cut}-")
        assert answer.status_code == 206
        assert answer["Content-Range"] == f"bytes {cut}-{len(whole) - 1}/{len(whole)}"
        assert whole[:cut] + rest == whole
        assert answer["Content-Length"] == str(len(rest))


def _classes_of_cuts(whole, ends):
    """Return the places of each class at which a pull can be cut: in and between characters, lines, pages, reads."""
    several = [at for at, byte in enumerate(whole) if byte >= 0x80]
    lines = [at for at, byte in enumerate(whole) if byte == 0x0A]
    pages = ends[:-1]
    return {
        "before the first byte": [0],
        "after the first byte": [1],
        "inside a character of several bytes": [at + 1 for at in several if whole[at] >= 0xC0],
        "before such a character": [at for at in several if whole[at] >= 0xC0],
        "before a line's end": lines,
        "after a line's end": [at + 1 for at in lines[:-1]],
        "inside a line": [at + 40 for at in lines[:-1]],
        "before a page's last byte": [end - 1 for end in pages],
        "between two pages": pages,
        "after a page's first byte": [end + 1 for end in pages],
        "before the last byte": [len(whole) - 1],
    }


def test_a_hundred_pulls_cut_at_every_class_of_byte_boundary_give_the_same_bytes(
    long_batch, office, monkeypatch
):
    whole = bytes_of(long_batch)
    statement = (
        "SELECT sum(byte_count) OVER (ORDER BY number)::int FROM settlement_batch_page WHERE batch_id = %s"
    )
    classes = _classes_of_cuts(whole, [end for (end,) in sql.rows(statement, [long_batch])])
    names = sorted(classes)
    chance, etag = random.Random(41), f'"{hashlib.sha256(whole).hexdigest()}"'
    for n in range(100):
        monkeypatch.setattr(selectors, "_PAGES_AT_ONCE", n % 3 + 1)
        # Each pull is cut at three of the classes, so at each class about 27 are.
        cuts = sorted({chance.choice(classes[names[(3 * n + step) % len(names)]]) for step in range(3)})
        got = b""
        for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            if start < stop:
                answer, part = pull(office, long_batch, Range=f"bytes={start}-{stop - 1}", If_Range=etag)
                assert answer.status_code == 206
                got += part
        assert got == whole, cuts


def test_any_range_is_exactly_its_bytes(long_batch, office):
    whole = bytes_of(long_batch)
    for first, last in ((0, 0), (5, 5), (10, 600_000), (len(whole) - 3, len(whole) + 99)):
        answer, data = pull(office, long_batch, Range=f"bytes={first}-{last}")
        assert (answer.status_code, data) == (206, whole[first : last + 1])
    assert pull(office, long_batch, Range="bytes=-10")[1] == whole[-10:]
    for ignored in ("bytes=0-1,5-6", "lines=1-2", "bytes=9-3", "bytes=-"):
        assert pull(office, long_batch, Range=ignored)[0].status_code == 200
    beyond, _ = pull(office, long_batch, Range=f"bytes={len(whole)}-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(whole)}")


def test_a_range_is_given_only_of_the_bytes_it_was_begun_with(long_batch, office):
    etag = pull(office, long_batch)[0]["ETag"]
    assert pull(office, long_batch, Range="bytes=5-", If_Range=etag)[0].status_code == 206
    assert pull(office, long_batch, Range="bytes=5-", If_Range='"other"')[0].status_code == 200


def test_pages_of_json_hold_the_same_lines(long_batch, office):
    found, cursor = [], ""
    while True:
        answer = office.get(f"{path(long_batch, 'instructions')}?limit=999&cursor={cursor}").json()
        found += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            break
    assert found == lines_of(long_batch)
    far = office.get(f"{path(long_batch, 'instructions')}?limit=1")
    assert [line["line"] for line in far.json()["items"]] == [1]


def test_a_format_that_is_not_offered_is_refused(sealed, office):
    answer = office.get(path(batch_of("CASH"), "instructions"), Accept="text/html")
    assert (answer.status_code, answer.json()["code"]) == (406, "not-acceptable")


@pytest.mark.parametrize(
    ("header", "expected"),
    [("", None), ("bytes=0-", (0, 10)), ("bytes=3-4", (3, 5)), ("bytes=-3", (7, 10)), ("bytes=-30", (0, 10))],
)
def test_ranges_are_read_as_the_standard_says(header, expected):
    assert byte_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=-0"])
def test_a_range_without_a_byte_is_unsatisfiable(header):
    with pytest.raises(Unsatisfiable):
        byte_range(header, 10)


# --- acknowledging and reporting -------------------------------------------------------------------------


def test_every_fault_of_an_acknowledgement_is_named_and_nothing_applied(sealed, office):
    office.claim(batch_of("CASH"))
    first = ref(instruction_ids(batch_of("CASH"))[0])
    before = everything()
    answer = office.post(
        path(batch_of("CASH"), "acknowledgements"),
        {
            "items": [
                {"instruction": first, "status": "ACCEPTED", "reason": "AC04"},
                {"instruction": "ins_1", "status": "REJECTED"},
                {"instruction": first, "status": "MAYBE", "note": 1},
                {"instruction": first, "status": "REJECTED", "reason": "not this"},
                "yes",
                {"instruction": first, "status": "ACCEPTED"},
                {"instruction": first, "status": "ACCEPTED"},
            ],
            "control_totals": {"count": "2", "totals": {"EUR": {"DELIVER": 5, "TAKE": "1"}}},
            "more": 1,
        },
    )
    assert answer.status_code == 400
    assert pointers(answer) == [
        "/more",
        "/items/0/reason",
        "/items/1/instruction",
        "/items/1/reason",
        "/items/2/note",
        "/items/2/status",
        "/items/3/reason",
        "/items/4",
        "/items/6/instruction",
        "/control_totals/count",
        "/control_totals/totals/EUR/TAKE",
        "/control_totals/totals/EUR/DELIVER",
    ]
    assert everything() == before


def test_an_acknowledgement_is_answered_item_by_item(sealed, office):
    cash = batch_of("CASH")
    office.claim(cash)
    lines = office.lines(cash)
    answer = office.acknowledge(cash, lines, USD="AC04")

    assert answer.status_code == 207
    assert answer.json() == {
        "applied": 2,
        "refused": 0,
        "items": [
            {"index": 0, "instruction": lines[0]["instruction"], "status": 200},
            {"index": 1, "instruction": lines[1]["instruction"], "status": 200},
        ],
    }
    assert [state(each) for each in sealed] == ["EXCEPTION", "EXCEPTION"]


def test_a_contradiction_is_one_item_of_the_answer(sealed, office):
    cash = batch_of("CASH")
    office.claim(cash)
    lines = office.lines(cash)
    office.acknowledge(cash, lines[:1])
    answer = office.acknowledge(cash, lines, EUR="AC04").json()

    assert (answer["applied"], answer["refused"]) == (1, 1)
    assert [each["status"] for each in answer["items"]] == [409, 200]
    assert answer["items"][0]["problem"]["code"] == "contradicts"


def test_totals_that_differ_are_refused_with_what_is_expected(sealed, office):
    cash = batch_of("CASH")
    office.claim(cash)
    before = everything()
    lines = office.lines(cash)
    control = control_of(lines)
    control["totals"]["USD"]["DELIVER"] = "1103725.01"
    items = [{"instruction": line["instruction"], "status": "ACCEPTED"} for line in lines]
    answer = office.post(path(cash, "acknowledgements"), {"items": items, "control_totals": control})

    assert (answer.status_code, pointers(answer)) == (422, ["/control_totals/totals/USD/DELIVER"])
    assert answer.json()["errors"][0]["detail"] == "1103725 is expected, not 1103725.01."
    assert everything() == before


def test_lists_are_bounded(sealed, office, monkeypatch):
    line = {"instruction": ref(1), "status": "SETTLED"}
    answer = office.post("settlement-status-reports", {"items": [line] * 10_001})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-many-items")
    assert pointers(office.post("settlement-status-reports", {"items": []})) == ["/items"]
    assert pointers(office.post("settlement-status-reports", {})) == ["/items"]
    big = office.post("settlement-status-reports", b" " * (8 * 1024 * 1024 + 1))
    assert (big.status_code, big.json()["code"]) == (413, "too-large")


def test_every_fault_of_a_report_is_named(office):
    answer = office.report(
        {"instruction": ref(5), "status": "PARTIAL"},
        {"instruction": ref(5), "status": "PARTIAL", "quantity": "1e5"},
        {"instruction": ref(5), "status": "FAILED"},
        {"instruction": ref(5), "status": "SETTLED", "quantity": "5", "reason": "LACK"},
        {"status": "UNKNOWN"},
    )
    assert pointers(answer) == [
        "/items/0/quantity",
        "/items/1/quantity",
        "/items/2/reason",
        "/items/3/reason",
        "/items/3/quantity",
        "/items/4/instruction",
        "/items/4/status",
    ]


def test_reports_are_answered_with_where_the_instruction_stands(sealed, office):
    euro, dollar = instruction_ids(batch_of("CASH"))
    answer = office.report(
        {"instruction": ref(euro), "status": "SETTLED"},
        {"instruction": ref(dollar), "status": "PARTIAL", "quantity": "1000000.50"},
        {"instruction": ref(dollar), "status": "FAILED", "reason": "LACK"},
        {"instruction": ref(999_999), "status": "SETTLED"},
    )
    assert answer.status_code == 207
    assert [(each["status"], each.get("settlement")) for each in answer.json()["items"]] == [
        (200, "SETTLED"),
        (200, "PARTIAL"),
        (200, "PARTIAL"),
        (404, None),
    ]


def test_control_characters_and_nul_reach_nothing(sealed, office):
    office.claim(batch_of("CASH"))
    first = ref(instruction_ids(batch_of("CASH"))[0])
    for reason in ("a\0b", "", "x" * 36, "é", 5, None):
        answer = office.post(
            path(batch_of("CASH"), "acknowledgements"),
            json.dumps(
                {
                    "items": [{"instruction": first, "status": "REJECTED", "reason": reason}],
                    "control_totals": {"count": 1, "totals": {"\0": {"DELIVER": "1"}}},
                }
            ),
        )
        assert answer.status_code == 400
        assert "/items/0/reason" in pointers(answer)


def test_the_view_reads_the_clock_and_the_services_do_not(sealed, office, monkeypatch):
    moment = datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
    monkeypatch.setattr(claims, "utc_now", lambda: moment)
    assert office.claim(batch_of("CASH"), lease_seconds=60).json()["expires_at"] == "2031-01-02T03:05:05Z"


def test_trades_follow_through_the_api_to_settled(sealed, office):
    for channel in ("CASH", "SECURITIES"):
        office.claim(batch_of(channel))
        office.acknowledge(batch_of(channel), office.lines(batch_of(channel)))
        office.report(
            *(
                {"instruction": line["instruction"], "status": "SETTLED"}
                for line in lines_of(batch_of(channel))
            )
        )
    advance()
    assert [state(each) for each in sealed] == ["SETTLED", "SETTLED"]

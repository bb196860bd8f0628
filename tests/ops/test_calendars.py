"""The screen of calendars: what is listed, what a change would come to, and its approval by somebody else."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from core import sql
from core.ids import PROPOSAL, public_id
from refdata.models import Holiday
from settlement.models import Channel
from tests.settlement.support import BackOffice, trade_ref, validated
from tests.support.factories import equity, world

pytestmark = pytest.mark.django_db

EVE = {"kind": "holidays", "calendar": "USD", "date": "2026-11-24", "name": "closed", "reason": "announced"}


@pytest.fixture
def desk(sign_in) -> Client:
    return sign_in("operations")


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def proposal_path(decision: str) -> str:
    ((number,),) = sql.rows("SELECT max(id) FROM core_proposal")
    return f"/approvals/{public_id(PROPOSAL, number)}/{decision}"


def test_a_holiday_is_shown_with_what_it_comes_to_proposed_and_approved(desk, sign_in):
    world()
    (trade_id,) = validated(equity(settlement_date=None))
    shown = desk.post("/calendars/change", {**EVE, "show": "1", "reason": ""})
    assert shown.status_code == 200
    assert "1 open trade with another settlement date" in text(shown)
    assert f"{trade_ref(trade_id)} 2026-11-24 2026-11-24 2026-11-25" in text(shown)
    assert Holiday.objects.filter(date="2026-11-24").count() == 0
    proposed = desk.post("/calendars/change", EVE)
    assert (proposed.status_code, proposed["Location"]) == (303, "/calendars?kind=holidays&of=USD")
    assert "It is your own request" in text(desk.get("/approvals"))
    checker = sign_in("supervisor")
    page = checker.get("/approvals")
    assert "USD 2026-11-24" in text(page)
    seen = re.search(r'name="seen" value="([^"]+)"', page.content.decode())
    assert seen
    answer = checker.post(proposal_path("approve"), {"seen": seen[1].replace("&quot;", '"')})
    assert answer.status_code == 303
    assert Holiday.objects.filter(calendar="USD", date="2026-11-24").count() == 1
    assert "USD 2026-11-24 closed" in text(desk.get("/calendars?kind=holidays&of=USD"))


def test_a_holiday_is_withdrawn_like_it_came(desk, sign_in):
    holiday = Holiday.objects.create(calendar="JPY", date="2026-12-30", name="a mistake")
    page = desk.get(f"/calendars/change?kind=holidays&row={holiday.pk}&what=withdraw")
    assert "Withdraw a holiday" in text(page)
    assert 'value="2026-12-30"' in page.content.decode()
    form = {"kind": "holidays", "what": "withdraw", "calendar": "JPY", "date": "2026-12-30", "reason": "no"}
    assert desk.post("/calendars/change", form).status_code == 303
    assert sign_in("supervisor").post(proposal_path("approve")).status_code == 303
    assert not Holiday.objects.filter(pk=holiday.pk).exists()


def test_a_channel_asks_for_two_people_only_when_two_people_want_it(desk, sign_in):
    page = desk.get("/calendars?kind=channels&of=CASH")
    assert "CASH Europe/London 18:00:00 1" in text(page)
    row = re.search(r"kind=channels&amp;row=(\d+)", page.content.decode())
    assert row
    assert (
        'value="Europe/London"' in desk.get(f"/calendars/change?kind=channels&row={row[1]}").content.decode()
    )
    form = {
        "kind": "channels", "channel": "CASH", "cut_off_zone": "Europe/London", "cut_off_time": "17:30",
        "lead_days": "1", "release_from": "5000000", "hold_release_from": "", "reason": "the treasurer",
    }  # fmt: skip
    assert "15 cut-offs of the next days" in text(desk.post("/calendars/change", {**form, "show": "1"}))
    assert desk.post("/calendars/change", form).status_code == 303
    assert Channel.objects.get(code="CASH").release_from is None
    assert sign_in("supervisor").post(proposal_path("approve")).status_code == 303
    channel = Channel.objects.get(code="CASH")
    assert (channel.release_from, channel.cut_off_time.isoformat()) == (5_000_000, "17:30:00")


def test_what_is_wrong_is_shown_where_it_was_typed(desk):
    form = {"kind": "cut-offs", "channel": "CASH", "market": "*", "currency": "USD", "zone": "Mars",
            "time": "16:30", "lead_days": "many", "valid_from": "2026-01-01", "reason": "x"}  # fmt: skip
    answer = desk.post("/calendars/change", form)
    assert answer.status_code == 422
    assert re.search(r'name="lead_days"[^>]*aria-invalid="true"', answer.content.decode())
    assert desk.post("/calendars/change", {**EVE, "reason": ""}).status_code == 422
    assert desk.get("/calendars/change?kind=cut-offs&row=x").status_code == 200
    assert "Nothing of GBX" in text(desk.get("/calendars?kind=holidays&of=GBX"))


def test_the_api_proposes_and_tells_what_it_comes_to():
    world()
    validated(equity(settlement_date=None))
    client = BackOffice(scopes=["calendars:propose"])
    row = {name: EVE[name] for name in ("calendar", "date", "name")}
    made = client.post("calendar-changes", {"kind": "holidays", "rows": [row], "reason": "announced"})
    assert (made.status_code, made.json()["effect"]["trades"], made.json()["of"]) == (202, 1, "USD")
    read = client.get(made["Location"].removeprefix("/api/v1/")).json()
    assert (read["state"], read["effect"]["dates"]) == ("PENDING", made.json()["effect"]["dates"])
    again = client.post("calendar-changes", {"kind": "holidays", "rows": [row], "reason": "announced"})
    assert (again.status_code, again.json()["code"]) == (409, "pending-proposal")
    answer = client.post("calendar-changes", {"kind": 1, "rows": [], "x": 1})
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/x", "/kind", "/reason", "/rows"]
    assert client.get("calendar-changes/prp_zz").status_code == 404


def test_whoever_only_reads_is_offered_nothing(sign_in):
    reader = sign_in("auditor")
    page = reader.get("/calendars?kind=channels").content.decode()
    assert "Propose" not in page
    assert "Change<" not in page
    assert reader.get("/calendars/change").status_code == 403

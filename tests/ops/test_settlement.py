"""The screen of settlement tells whose move everything unfinished is, down to the records."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
import time_machine

from core import sql
from core.ids import EXCEPTION, INSTRUCTION, TRADE, public_id
from ops.views import obligations
from ops.views.settlement import PAGE
from settlement.models import Chase
from settlement.services.attest import MEASURES, compare_day
from settlement.services.penalise import accrue_penalties
from tests.ops.conftest import SignIn
from tests.settlement.support import batch_of, client, instruction_ids, seal, validated
from tests.support.factories import APPLE, World, captured_ids, equity
from tests.support.fails import VALUE, evening, penalty_rate, sealed
from tests.support.fails import told as told_of
from tests.support.records import NOW, TODAY, hold
from trades.models import ExceptionItem


def text_of(answer) -> str:
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def instruction_of(asset: str, value_date: str) -> int:
    """Return the only instruction of an asset on a day."""
    ((found,),) = sql.rows(
        "SELECT id FROM settlement_instruction WHERE asset = %s AND value_date = %s", [asset, value_date]
    )
    return int(found)


def test_with_nothing_open_the_screen_says_so(world: World, sign_in: SignIn) -> None:
    text = text_of(sign_in("operations").get("/settlement"))
    assert "Nothing is open" in text
    assert "Nothing open matches" in text_of(sign_in("operations").get("/settlement?channel=CASH"))


def test_records_are_grouped_by_who_must_act_and_lead_to_their_list(world: World, sign_in: SignIn) -> None:
    validated(equity("sealed"))
    seal()
    (waiting,) = validated(equity("waiting"))
    (held,) = captured_ids(equity("held"))
    hold(held)
    caller = sign_in("operations")
    text = text_of(caller.get("/settlement"))
    for told in (
        "sealed, and claimed by nobody yet",
        "waits for its cut-off",
        "back office",
        "operations",
        "time",
    ):
        assert told in text
    assert public_id(TRADE, waiting) not in text  # no list before something is chosen
    listed = text_of(caller.get("/settlement?mover=TIME"))
    assert f"/trades/{public_id(TRADE, waiting)}" in listed
    assert "It is sealed at its cut-off, by itself." in listed
    assert public_id(TRADE, held) not in listed
    unclaimed = text_of(caller.get("/settlement?rule=UNCLAIMED&channel=CASH"))
    (cash,) = instruction_ids(batch_of("CASH"))
    assert public_id(INSTRUCTION, cash) in unclaimed
    assert public_id(INSTRUCTION, instruction_ids(batch_of("SECURITIES"))[0]) not in unclaimed


def test_a_list_goes_on_page_by_page(world: World, sign_in: SignIn) -> None:
    trades = validated(*(equity(f"t{n}") for n in range(PAGE + 1)))
    caller = sign_in("auditor")
    answer = caller.get("/settlement?mover=TIME")
    first = text_of(answer)
    assert public_id(TRADE, trades[0]) in first
    assert public_id(TRADE, trades[-1]) not in first
    following = text_of(caller.get(f"/settlement?mover=TIME&after={answer.context['listed']['next']}"))
    assert public_id(TRADE, trades[-1]) in following
    assert public_id(TRADE, trades[0]) not in following


def test_what_cannot_be_read_of_an_address_filters_nothing(world: World, sign_in: SignIn) -> None:
    validated(equity())
    wrong = "mover=NOBODY&rule=NONE&age=old&channel=SEA&value_date=soon&after=bent"
    assert "waits for its cut-off" in text_of(sign_in("risk").get(f"/settlement?{wrong}"))


def test_a_trade_and_a_batch_tell_their_own_answer(world: World, sign_in: SignIn) -> None:
    (trade_id,) = validated(equity())
    caller = sign_in("operations")
    assert "It is sealed at its cut-off, by itself." in text_of(
        caller.get(f"/trades/{public_id(TRADE, trade_id)}")
    )
    seal()
    shown = text_of(caller.get(f"/trades/{public_id(TRADE, trade_id)}"))
    assert shown.count("Claim the batch.") == 2
    batch = public_id("bat", batch_of("CASH"))
    assert "sealed, and claimed by nobody yet. Claim the batch." in text_of(caller.get(f"/batches/{batch}"))


def test_a_back_office_that_counts_otherwise_is_worked_like_every_exception(
    world: World, sign_in: SignIn
) -> None:
    theirs = {**dict.fromkeys(MEASURES, 0), "settled": 1200}
    by = client("their system")
    compare_day(day=TODAY - timedelta(days=3), counts={"CASH": theirs}, client=by, actor=by.actor(), now=NOW)
    reference = public_id(EXCEPTION, ExceptionItem.objects.get().id)
    caller = sign_in("operations")
    assert reference in text_of(caller.get("/exceptions"))
    shown = text_of(caller.get(f"/exceptions/{reference}"))
    for told in ("their system", "+1,200", "say on the screen of batches what was found"):
        assert told in shown
    assert "What counts in it now" not in shown  # that is of limits
    assert f"/exceptions/{reference}" in text_of(caller.get("/settlement?mover=OPERATIONS"))


def test_fails_tell_their_age_whose_move_and_cost_by_currency(world: World, sign_in: SignIn) -> None:
    penalty_rate("1.0")
    trade_id, securities, _ = sealed()
    told_of(securities, "FAILED", VALUE, reason="CLAC")
    friday = VALUE + timedelta(days=2)
    accrue_penalties(now=evening(friday))
    with time_machine.travel(evening(friday), tick=False):
        caller = sign_in("operations")
        shown = text_of(caller.get("/settlement/fails"))
        item = ExceptionItem.objects.get(kind="FAIL")
        worked = text_of(caller.get(f"/exceptions/{public_id(EXCEPTION, item.id)}"))
        assert "No fail matches mover “MARKET” and channel “CASH”" in text_of(
            caller.get("/settlement/fails?mover=MARKET&channel=CASH")
        )
        assert public_id(INSTRUCTION, securities) in text_of(caller.get("/settlement/fails?mover=NONE"))
    for part in (
        public_id(TRADE, trade_id),
        public_id(INSTRUCTION, securities),
        "CLAC",
        "USD 3.74",
        "receive 3.74",
    ):
        assert part in shown
    assert "What it costs" in worked
    assert worked.count("the counterparty pays") == 2
    assert "1.87 USD" in worked


def test_without_fails_the_list_says_so(world: World, sign_in: SignIn) -> None:
    assert "Nothing fails" in text_of(sign_in("auditor").get("/settlement/fails"))


class TestTheCalendar:
    def test_tells_what_is_owed_by_day_and_asset_and_leads_to_what_is_behind_it(
        self, world: World, sign_in: SignIn
    ) -> None:
        past = (TODAY - timedelta(days=7)).isoformat()
        validated(equity(settlement_date=past))
        validated(equity())
        seal()
        (waiting,) = validated(equity())
        (held,) = captured_ids(equity())
        hold(held)
        cash, late = (instruction_of("USD", on) for on in (VALUE.isoformat(), past))
        with time_machine.travel(NOW, tick=False):
            caller = sign_in("operations")
            answer = caller.get("/settlement/calendar")
            text = text_of(answer)
            assert [day["value_date"].isoformat() for day in answer.context["days"]] == [
                past,
                VALUE.isoformat(),
            ]
            assert [day["is_late"] for day in answer.context["days"]] == [True, False]
            for shown in ("overdue", "18,725.00", "Calendar of obligations"):
                assert shown in text
            assert public_id(TRADE, waiting) not in text  # no list before something is chosen
            figure = f"/settlement/calendar?day={VALUE}&asset=USD&direction=DELIVER"
            assert f"{figure.partition('calendar')[2]}&standing=OPEN#records" in text
            listed = text_of(caller.get(f"{figure}&standing=OPEN"))
            assert f"{public_id(TRADE, waiting)}/2" in listed
            assert public_id(TRADE, held) not in listed
            assert f"{public_id(TRADE, held)}/2" in text_of(caller.get(f"{figure}&standing=HELD"))
            sealed_ones = text_of(caller.get(f"{figure}&standing=SEALED"))
            assert public_id(INSTRUCTION, cash) in sealed_ones
            assert public_id(INSTRUCTION, late) not in sealed_ones
            every = caller.get(figure)
            assert [row["standing"] for row in every.context["listed"]["rows"]] == ["OPEN", "HELD", "SEALED"]
            assert every.context["listed"]["totals"] == [("USD", "DELIVER", 3 * 18725)]
            gone = text_of(caller.get(f"{figure}&standing=FAILED"))
            assert "Nothing is behind this figure any more" in gone

    def test_goes_on_by_day_and_shows_one_day_alone_with_all_of_its_lines(
        self, world: World, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(obligations, "DAYS", 1)
        monkeypatch.setattr(obligations, "LINES", 1)
        later = VALUE + timedelta(days=7)
        validated(equity(), equity(settlement_date=later.isoformat()))
        with time_machine.travel(NOW, tick=False):
            caller = sign_in("auditor")
            first = caller.get("/settlement/calendar")
            assert first.context["next"] == later.isoformat()
            assert "1 more line" in text_of(first)
            assert APPLE not in text_of(first)
            second = caller.get(f"/settlement/calendar?from={later}")
            assert [day["value_date"] for day in second.context["days"]] == [later]
            assert second.context["next"] is None
            alone = text_of(caller.get(f"/settlement/calendar?value_date={VALUE}"))
            assert APPLE in alone
            assert later.isoformat() not in alone
            assert "Nothing is owed on 2020-01-01" in text_of(
                caller.get("/settlement/calendar?value_date=2020-01-01")
            )
            wrong = "from=soon&value_date=x&day=y&direction=UP&standing=LOST&after=bent"
            assert "18,725.00" in text_of(caller.get(f"/settlement/calendar?{wrong}"))

    def test_lists_page_by_page(self, world: World, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(obligations, "PAGE", 1)
        one, two = validated(equity("a"), equity("b"))
        address = f"/settlement/calendar?day={VALUE}&asset=USD"
        with time_machine.travel(NOW, tick=False):
            caller = sign_in("operations")
            first = caller.get(address)
            following = caller.get(f"{address}&after={first.context['listed']['next']}")
        for answer, trade_id in ((first, one), (following, two)):
            assert [row["trade_id"] for row in answer.context["listed"]["rows"]] == [trade_id]

    def test_that_looks_through_too_much_says_so(
        self, world: World, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def too_long(**_: object) -> None:
            raise sql.TookTooLong

        monkeypatch.setattr(obligations, "read_page", too_long)
        assert "looks through too many records" in text_of(sign_in("risk").get("/settlement/calendar"))


def test_a_fail_is_chased_from_the_list_and_its_line_of_time_says_so(world: World, sign_in: SignIn) -> None:
    trade_id, securities, _ = sealed()
    told_of(securities, "FAILED", VALUE, reason="CLAC")
    reference = public_id(INSTRUCTION, securities)
    with time_machine.travel(evening(VALUE), tick=False):
        caller = sign_in("operations")
        for address in ("/settlement?mover=COUNTERPARTY", "/settlement/fails"):
            assert f'value="{reference}" data-choose' in text_of(caller.get(address))
        shown = text_of(caller.get(f"/settlement/chase?ids={reference}&ids={public_id(INSTRUCTION, 9999)}"))
        assert "1 left out" in " ".join(re.sub(r"<[^>]+>", "", shown).split())
        form = {"ids": reference, "way": "PHONE", "whom": "Firth", "note": "they look", "key": "k"}
        wrong = caller.post("/settlement/chase", {**form, "whom": "", "next_on": "soon"})
        assert wrong.status_code == 422
        assert Chase.objects.count() == 0
        next_on = {"next_on": "2026-11-26", "next": "/settlement/fails"}
        for _ in range(2):
            assert caller.post("/settlement/chase", {**form, **next_on})["Location"] == "/settlement/fails"
        assert Chase.objects.get().next_on.isoformat() == "2026-11-26"
        assert "No fail matches" in text_of(caller.get("/settlement/fails?chase=due"))
        assert "1 ×" in text_of(caller.get("/settlement/fails"))
        assert "they look" in text_of(caller.get(f"/instructions/{reference}"))
        line = text_of(caller.get(f"/trades/{public_id(TRADE, trade_id)}"))
        assert "The instruction was chased" in line
        assert "phone, Firth" in line
        assert "data-choose" not in text_of(sign_in("auditor").get("/settlement/fails"))
        assert sign_in("auditor").post("/settlement/chase", form).status_code == 403
    with time_machine.travel(evening(VALUE + timedelta(days=1)), tick=False):
        for address in ("/settlement/fails?chase=due", "/settlement?chase=due"):
            assert reference in text_of(sign_in("supervisor").get(address))

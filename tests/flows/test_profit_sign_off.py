"""A desk's evening: the day is told, a flag accepted, the book signed by two; then a trade comes late."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client

from core.ids import TRADE, public_id
from core.models import Proposal
from ledger.models import ProfitPrice
from ops.permissions import ensure_roles
from refdata.models import Instrument
from tests.ledger.profit_support import FRIDAY
from tests.support.api import Api, problem
from tests.support.factories import APPLE, EURO_SHARE, captured_ids, close, equity, rate, world
from tests.support.records import NOW

pytestmark = pytest.mark.django_db(transaction=True)  # a run knows what has been committed
DAY = "2026-11-23"
ADJUSTMENT = {
    "book": "BOOK-1", "currency": "EUR", "amount": "-3.00", "valid_from": DAY, "reverses_on": "2026-11-24",
    "reason": "the broker's rebate comes tomorrow",
}  # fmt: skip


@pytest.fixture
def sit_down() -> Callable[[str], Client]:
    """Return a function that gives the browser of a new person with a role."""
    ensure_roles()

    def enter(role: str) -> Client:
        person = User.objects.create_user(role)
        person.groups.set(Group.objects.filter(name=role))
        browser = Client()
        browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return browser

    return enter


def decide(signer: Client, decision: str = "approve") -> int:
    """Decide on the one proposal that waits; return what it is answered."""
    proposal = Proposal.objects.get(state="PENDING")
    return signer.post(
        f"/approvals/{public_id('prp', proposal.id)}/{decision}", {"note": "looked at"}
    ).status_code


def test_a_day_is_signed_by_two_and_a_late_trade_restates_it(sit_down: Callable[[str], Client]):
    with time_machine.travel(NOW, tick=False):
        api, preparer, signer = Api("desk", sources=[]), sit_down("operations"), sit_down("supervisor")
        world()
        rate("USD", "0.90", on=FRIDAY)
        close(Instrument.objects.get(code=APPLE), "180", on=FRIDAY)
        captured_ids(
            equity(on=FRIDAY, quantity="10", price="170"),
            equity(quantity="5", instrument=EURO_SHARE, currency="EUR", price="10"),
        )
        assert api.post("/profit/adjustments", ADJUSTMENT).status_code == 202
        assert decide(signer) == 303

        def tell(reason: str = "") -> dict:
            preparer.post("/profit/tell", {"day": DAY, "reason": reason})
            told: dict = api.get(f"/profit/days/{DAY}").json()
            return told

        def prepare(run: int) -> int:
            asked = {"day": DAY, "run": str(run), "book": "BOOK-1", "reason": "compared with the desk"}
            return preparer.post("/profit/sign-off", asked).status_code

        told = tell()
        assert (told["total"], told["parts"]["adjustments"], told["open_flags"]) == ("63.40", "-3.00", 1)
        assert prepare(1) == 409  # while the flag is open
        flag = ProfitPrice.objects.exclude(flag="").get(run__kind="CLOSE")
        said = {"day": DAY, "flag": flag.id, "reason": "it lists tomorrow"}
        assert preparer.post("/profit/accept", said).status_code == 303
        assert prepare(1) == 303
        assert decide(preparer) == 403
        assert decide(signer) == 303
        assert api.get(f"/profit/days/{DAY}").json()["signed_off_at"] == "2026-11-23T14:00:00Z"

        (late,) = captured_ids(equity(quantity="100", price="186"))
        assert prepare(1) == 409  # it is signed
        assert public_id(TRADE, late) in preparer.get("/profit").content.decode()
        again = tell("a trade came late")
        assert (again["run"], again["total"], again["signed_off_at"]) == (2, "155.40", None)
        (book,) = api.get(f"/profit/days/{DAY}/sign-offs").json()["items"]
        assert (book["total"], book["signed"]["total"], book["difference"]) == ("155.40", "63.40", "92.00")
        assert (
            book["open_flags"] == 1
        )  # what is missing is missing still, and nobody has accepted it of this run
        preparer.post(
            "/profit/accept", {**said, "flag": ProfitPrice.objects.exclude(flag="").latest("id").id}
        )
        assert prepare(2) == 303
        assert decide(signer) == 303
        runs = api.get(f"/profit/days/{DAY}").json()["runs"]
        assert [(each["run"], each["total"], bool(each["signed_off_at"])) for each in runs] == [
            (2, "155.40", True),
            (1, "63.40", True),
        ]
        problem(api.get(f"/profit/days/{DAY}/sign-offs?run=3"), 404, "not-found")

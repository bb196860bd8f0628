"""Reminders and one-time links are mailed once to where a policy says, through a real mail server, or are work."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from socket import create_connection
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.core import mail
from django.core.mail import EmailMessage

from core import four_eyes
from core.audit import Actor
from core.http.problem import Problem
from core.models import Event
from tests.support.confirmations import said_of
from tests.support.factories import checked, unit_trade, world
from tests.support.records import CLERK, NOW
from tests.trades.test_confirmation_ageing import HOUR, known_at
from tests.trades.test_confirmation_policy import RITA, somebody
from trades import tasks
from trades.models import AwaitedConfirmation, Confirmation, ConfirmationMail, ExceptionItem
from trades.services import confirmation_mail as mails
from trades.services.change import Change, change_trades
from trades.services.confirmation import confirm_trades, dispute
from trades.services.confirmation_ageing import remind, remind_overdue
from trades.services.confirmation_links import linked_terms, make_link
from trades.services.confirmation_mail import mail_link, send_next
from trades.services.confirmation_policy import propose_policy, waive_confirmation

BOX = "confirmations@broker.example"


def send_mails(*, now: datetime) -> int:
    count = 0
    while send_next(now=now):
        count += 1
    return count


class _Server(Controller):
    """A mail server of this machine at whatever port is free, which answers each mail as it is told to."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.answers: list[str] = []
        super().__init__(self, hostname="127.0.0.1", port=0, ready_timeout=60.0)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.taken.append(envelope)
        return answer

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        with create_connection((self.hostname, self.port), 60.0) as line:
            line.recv(1024)

    def texts(self) -> list[str]:
        return [each.content.decode() for each in self.taken]


@pytest.fixture(scope="module")
def running() -> Iterator[_Server]:
    server = _Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running: _Server, settings: Any) -> _Server:
    running.taken.clear()
    running.answers.clear()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = running.hostname, running.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "", ""
    settings.EMAIL_TIMEOUT = 60
    return running


@pytest.fixture(autouse=True)
def _world(db: None, settings: Any) -> None:
    world()
    settings.PUBLIC_URL = "https://middleoffice.example/"
    settings.DEFAULT_FROM_EMAIL = "desk@middleoffice.example"


def policy(mail_to: str = BOX, *, product: str = "", of: str = "", every: int | None = None) -> None:
    proposal = propose_policy(
        product=product, party=of, demanded=None, overdue_after_hours=24, remind_every_hours=every,
        mail_to=mail_to, reason="agreed", user=somebody(), actor=RITA, now=NOW,
    )  # fmt: skip
    four_eyes.approve(proposal_id=proposal, user=somebody(), note="", now=NOW, actor=Actor("user:checker"))


def overdue() -> tuple[int, datetime]:
    """Return a trade that has just been reminded of, and when."""
    trade_id = checked(unit_trade(0))
    due = known_at(trade_id) + 24 * HOUR
    assert remind_overdue(now=due) == 1
    return trade_id, due


def states() -> list[tuple[str, int]]:
    return list(ConfirmationMail.objects.order_by("id").values_list("state", "attempts"))


def work() -> list[ExceptionItem]:
    return list(ExceptionItem.objects.filter(kind="UNMAILED"))


def test_a_reminder_is_mailed_once_with_a_link_that_holds(server: _Server) -> None:
    policy()
    trade_id, due = overdue()
    assert [send_mails(now=due), send_mails(now=due + HOUR)] == [1, 0]
    ((envelope,), (text,)) = server.taken, server.texts()
    assert (envelope.mail_from, envelope.rcpt_tos) == ("desk@middleoffice.example", [BOX])
    sent = ConfirmationMail.objects.get()
    assert f"Message-ID: <confirmation.{sent.id}@middleoffice.example>" in text
    assert "Subject: Reminder: please confirm our deal trd_" in text
    body = text.replace("=\r\n", "").replace("=3D", "=")
    (token,) = re.findall(r"https://middleoffice\.example/confirm/(\S+)", body)
    terms = linked_terms(token=token, now=due + HOUR)
    assert terms is not None
    assert terms["trade_id"] == trade_id
    assert states() == [("SENT", 1)]
    told = Event.objects.get(type="trade.confirmation_mailed")
    assert (told.subject_id, told.data["mail_to"], told.data["number"]) == (trade_id, BOX, 1)
    assert token not in str(told.data)


def test_each_reminder_is_a_mail_of_its_own(server: _Server) -> None:
    policy(every=6)
    _, due = overdue()
    for hours in (0, 0, 6, 6, 7):
        remind_overdue(now=due + hours * HOUR)
        send_mails(now=due + hours * HOUR)
    assert [re.findall(r"Subject: (Reminder[^:]*):", each) for each in server.texts()] == [
        ["Reminder"],
        ["Reminder 2"],
    ]


def test_without_an_address_nothing_is_mailed_and_the_partys_comes_before_the_products(
    server: _Server,
) -> None:
    policy("")
    first, due = overdue()
    assert (send_mails(now=due), states()) == (0, [])
    policy("all@broker.example", product="EQUITY")
    policy(of="BROKER-01")
    remind(trade_id=first, actor=CLERK, now=due + 2 * HOUR)
    send_mails(now=due + 2 * HOUR)
    assert [each.rcpt_tos for each in server.taken] == [[BOX]]


def test_what_the_server_cannot_take_now_is_tried_again_with_longer_pauses(server: _Server) -> None:
    policy()
    _, due = overdue()
    server.answers += ["451 later", "451 later"]
    for minutes, sent in ((0, 1), (0.9, 0), (1, 1), (2.9, 0), (3, 1)):
        assert send_mails(now=due + timedelta(minutes=minutes)) == sent, minutes
    assert states() == [("SENT", 3)]
    assert len({re.findall(r"Message-ID: (\S+)", each)[0] for each in server.texts()}) == 1
    assert work() == []


def tokens(server: _Server) -> list[str]:
    bodies = [text.replace("=\r\n", "").replace("=3D", "=") for text in server.texts()]
    return [found for body in bodies for found in re.findall(r"/confirm/(\S+)", body)]


def test_a_mail_that_is_sent_again_has_the_same_link_and_the_next_mail_ends_it(
    server: _Server,
) -> None:
    policy(every=6)
    _, due = overdue()
    send_mails(now=due)
    ConfirmationMail.objects.update(state="SENDING", ended_at=None)  # as if its sender had died then
    send_mails(now=due + HOUR)
    first, second = tokens(server)
    assert first == second
    assert linked_terms(token=first, now=due + HOUR) is not None
    assert Event.objects.filter(type="trade.confirmation_link_made").count() == 1
    remind_overdue(now=due + 6 * HOUR)
    send_mails(now=due + 6 * HOUR)
    third = tokens(server)[-1]
    assert linked_terms(token=first, now=due + 6 * HOUR) is None
    assert linked_terms(token=third, now=due + 6 * HOUR) is not None


def test_a_mail_whose_link_has_ended_meanwhile_is_not_sent_again(server: _Server) -> None:
    policy()
    trade_id, due = overdue()
    server.answers.append("451 later")
    send_mails(now=due)
    make_link(trade_id=trade_id, version=1, actor=CLERK, now=due)
    send_mails(now=due + HOUR)
    assert (states(), server.taken) == ([("GONE", 2)], [])


@pytest.mark.parametrize(
    ("answers", "attempts"), [(["550 no such box"], 1), (["451 later"] * mails.ATTEMPTS, mails.ATTEMPTS)]
)
def test_what_is_refused_for_good_or_too_often_is_work(
    server: _Server, answers: list[str], attempts: int
) -> None:
    policy()
    trade_id, due = overdue()
    server.answers += answers
    for hours in range(0, 50, 7):
        send_mails(now=due + hours * HOUR)
    assert (states(), server.taken) == ([("FAILED", attempts)], [])
    (item,) = work()
    assert (item.trade_id, item.causes) == (trade_id, [f"CONFIRMATION_UNMAILED {BOX}"])
    assert answers[0][4:] in item.summary


def test_a_mail_whose_sender_died_is_sent_again_as_the_same(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy()
    _, due = overdue()

    def die(self: EmailMessage, **_: Any) -> int:
        raise SystemExit

    with monkeypatch.context() as dying, pytest.raises(SystemExit):
        dying.setattr(EmailMessage, "send", die)
        send_mails(now=due)
    assert states() == [("SENDING", 1)]
    assert send_mails(now=due + timedelta(minutes=9)) == 0
    assert send_mails(now=due + timedelta(minutes=10)) == 1
    assert (states(), len(server.taken)) == ([("SENT", 2)], 1)


def test_a_mail_that_cannot_be_made_holds_up_no_other_and_is_work_in_the_end(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy()
    bad, _ = checked(unit_trade(0)), checked(unit_trade(1))
    later = NOW + 100 * HOUR
    remind_overdue(now=later)
    make = mails._message

    def make_all_but_one(row: Mapping[str, Any], *given: Any) -> EmailMessage:
        if row["trade_id"] == bad:
            raise ValueError("no such text")
        return make(row, *given)

    monkeypatch.setattr(mails, "_message", make_all_but_one)
    send_mails(now=later)
    assert states() == [("PENDING", 1), ("SENT", 1)]
    for hours in range(7, 50, 7):
        send_mails(now=later + hours * HOUR)
    assert states() == [("FAILED", mails.ATTEMPTS), ("SENT", 1)]
    (item,) = work()
    assert (item.trade_id, "ValueError: no such text" in item.summary) == (bad, True)


def confirmed(trade_id: int, now: datetime) -> None:
    confirm_trades(said=[said_of(trade_id)], actor=CLERK, now=now)


def disputed(trade_id: int, now: datetime) -> None:
    confirm_trades(said=[said_of(trade_id, quantity=Decimal(3))], actor=CLERK, now=now)
    row = Confirmation.objects.get()
    dispute(confirmation_id=row.id, version=1, reason="we dealt 1", actor=CLERK, now=now)


def waived(trade_id: int, now: datetime) -> None:
    waive_confirmation(trade_id=trade_id, version=1, reason="by telephone", actor=CLERK, now=now)


def cancelled(trade_id: int, now: datetime) -> None:
    change_trades(changes=[Change("CANCEL", trade_id, "called off")], actor=CLERK, at=now)


@pytest.mark.parametrize("happens", [confirmed, disputed, waived, cancelled])
def test_what_needs_no_answer_by_then_is_not_mailed(
    server: _Server, happens: Callable[[int, datetime], None]
) -> None:
    policy()
    trade_id, due = overdue()
    happens(trade_id, due)
    assert send_mails(now=due) == 1
    assert (states(), server.taken) == ([("GONE", 1)], [])
    assert ConfirmationMail.objects.get().error == "it is answered, waived, changed or over by now"


def test_who_disputes_may_still_mail_a_link_to_answer_anew(server: _Server) -> None:
    policy()
    trade_id = checked(unit_trade(0))
    disputed(trade_id, NOW)
    mail_link(trade_id=trade_id, version=1, actor=CLERK, now=NOW + HOUR)
    send_mails(now=NOW + HOUR)
    assert states() == [("SENT", 1)]


def test_a_mail_goes_to_the_address_that_holds_as_it_is_sent(server: _Server) -> None:
    policy("wrong@broker.example")
    overdue_at = overdue()[1]
    policy()
    send_mails(now=overdue_at)
    assert [each.rcpt_tos for each in server.taken] == [[BOX]]
    assert ConfirmationMail.objects.get().mail_to == BOX
    assert Event.objects.get(type="trade.confirmation_mailed").data["mail_to"] == BOX


def test_a_mail_that_nobody_is_to_have_any_more_is_not_sent(server: _Server) -> None:
    policy()
    overdue_at = overdue()[1]
    policy("")
    send_mails(now=overdue_at)
    assert (states(), server.taken) == ([("GONE", 1)], [])


def test_a_reminder_that_is_counted_anew_is_mailed_all_the_same(server: _Server) -> None:
    policy()
    trade_id, due = overdue()
    AwaitedConfirmation.objects.all().delete()  # awaited no longer, and reminded of by hand later
    remind(trade_id=trade_id, actor=CLERK, now=due + HOUR)
    send_mails(now=due + HOUR)
    numbers = ConfirmationMail.objects.order_by("id").values_list("number", flat=True)
    assert (list(numbers), states()[1]) == ([1, 2], ("SENT", 1))


def test_a_link_that_somebody_wants_mailed_is_mailed_once(server: _Server) -> None:
    policy()
    trade_id = checked(unit_trade(0))
    how = {"trade_id": trade_id, "version": 1, "actor": CLERK, "now": NOW}
    assert mail_link(**how) == BOX
    with pytest.raises(Problem, match="on its way already"):
        mail_link(**how)
    send_mails(now=NOW)
    (text,) = server.texts()
    assert "Subject: Please confirm our deal trd_" in text
    assert Event.objects.get(type="trade.confirmation_link_made").actor == CLERK.name
    assert mail_link(**how) == BOX  # another, now that the first has left


def test_without_a_mail_server_nothing_is_sent_and_no_link_is_in_the_log(
    settings: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    policy()
    trade_id, due = overdue()
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    with pytest.raises(Problem, match="EMAIL_URL"):
        mail_link(trade_id=trade_id, version=1, actor=CLERK, now=due)
    with caplog.at_level("INFO"):
        assert send_mails(now=due) == 1
    assert (states(), ConfirmationMail.objects.get().error) == ([("GONE", 1)], "there was no mail server")
    assert f"a mail to {BOX} about version 1 of trd_" in caplog.text
    assert "/confirm/" not in caplog.text + capsys.readouterr().out
    assert not Event.objects.filter(type__in=["trade.confirmation_mailed", "trade.confirmation_link_made"])


@pytest.mark.parametrize(
    ("address", "public", "version", "why"),
    [
        ("", "https://x", 1, "No policy says"),
        (BOX, "", 1, "PUBLIC_URL"),
        (BOX, "https://x", 2, "has changed"),
    ],
)
def test_a_link_that_cannot_be_mailed_is_refused(
    settings: Any, address: str, public: str, version: int, why: str
) -> None:
    policy(address)
    settings.PUBLIC_URL = public
    trade_id = checked(unit_trade(0))
    with pytest.raises(Problem, match=why):
        mail_link(trade_id=trade_id, version=version, actor=CLERK, now=NOW)
    assert states() == []


def test_an_address_that_is_none_is_refused_with_its_field() -> None:
    with pytest.raises(Problem) as refused:
        policy("nobody at all")
    assert [fault.pointer for fault in refused.value.faults] == ["/mail_to"]


def test_a_turn_ends_by_the_time_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    policy()
    for number in range(3):
        checked(unit_trade(number))
    later = NOW + 100 * HOUR
    assert remind_overdue(now=later) == 3
    monkeypatch.setattr(tasks, "utc_now", lambda: later)
    monkeypatch.setattr(tasks, "TURN_SECONDS", 0)
    assert (tasks.send_confirmation_mails(), len(mail.outbox)) == (0, 0)
    monkeypatch.setattr(tasks, "TURN_SECONDS", 60)
    assert (tasks.send_confirmation_mails(), len(mail.outbox)) == (3, 3)


def test_what_another_has_taken_meanwhile_is_told_by_that_one() -> None:
    policy()
    checked(unit_trade(1))
    later = NOW + 100 * HOUR
    remind_overdue(now=later)
    (row,) = ConfirmationMail.objects.values()
    ConfirmationMail.objects.update(state="SENDING", attempts=2, next_at=later + HOUR)
    mails._failed(row, ConnectionRefusedError(), later)  # the first attempt, which took too long
    assert list(ConfirmationMail.objects.values_list("state", "attempts")) == [("SENDING", 2)]


def test_the_codes_of_a_mail_server_tell_what_is_final() -> None:
    refused = smtplib.SMTPRecipientsRefused({BOX: (450, b"busy")})
    assert not mails._is_final(refused)
    assert mails._is_final(smtplib.SMTPRecipientsRefused({BOX: (550, b"no")}))
    assert not mails._is_final(ConnectionRefusedError())

"""Each screen lets in exactly the roles that the table grants, and tells the others who is let in."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from ops.permissions import GRANTS, ROLES, Right, ensure_roles, may
from tests.ops.conftest import SignIn

SCREENS = {
    "/": Right.READ_TRADES,
    "/trades": Right.READ_TRADES,
    "/trades/count": Right.READ_TRADES,
    "/exceptions": Right.READ_EXCEPTIONS,
    "/exceptions/causes": Right.READ_EXCEPTIONS,
    "/straight-through": Right.READ_EXCEPTIONS,
    "/approvals": Right.READ_APPROVALS,
    "/batches": Right.READ_BATCHES,
    "/holds": Right.READ_BATCHES,
    "/limits": Right.READ_LIMITS,
    "/calendars": Right.READ_CALENDARS,
    "/checks": Right.READ_CHECKS,
    "/invoices": Right.READ_INVOICES,
    "/checks/OFF_MARKET_PRICE": Right.READ_CHECKS,
    "/integrations": Right.READ_INTEGRATIONS,
    "/reference": Right.READ_REFERENCE,
    "/people": Right.READ_PEOPLE,
    "/audit": Right.READ_AUDIT,
    "/audit/evidence": Right.EXPORT_EVIDENCE,
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_the_screens_it_has_the_right_to(role: str, sign_in: SignIn) -> None:
    client = sign_in(role)
    for url, right in SCREENS.items():
        shown = 422 if url == "/audit/evidence" else 200  # it needs a day
        assert client.get(url).status_code == (shown if role in GRANTS[right] else 403), url


def test_a_denied_page_names_the_roles_that_have_the_right(sign_in: SignIn) -> None:
    answer = sign_in("front-office reader").get("/batches")
    text = answer.content.decode()
    assert answer.status_code == 403
    assert "Your role cannot read batches" in text
    for role in GRANTS[Right.READ_BATCHES]:
        assert f"<strong>{role}</strong>" in text


def test_a_denied_form_changes_nothing_and_is_denied_before_it_is_read(sign_in: SignIn) -> None:
    answer = sign_in("auditor").post("/batches/seal", {"value_date": "never"})
    assert answer.status_code == 403
    assert "Your role cannot seal batches" in answer.content.decode()


def test_without_a_role_nothing_is_shown(sign_in: SignIn) -> None:
    assert sign_in().get("/").status_code == 403


@pytest.mark.parametrize("url", SCREENS)
def test_strangers_are_sent_to_the_log_in_page(url: str, client: Client, db: None) -> None:
    answer = client.get(url)
    assert answer.status_code == 302
    assert answer["Location"] == f"/log-in?next={url}"


def test_a_superuser_has_the_rights_of_an_administrator_and_no_more(db: None) -> None:
    person = User.objects.create(username="root", is_superuser=True)
    assert may(person, Right.READ_TRADES)
    assert not may(person, Right.REPAIR)
    assert not may(person, Right.APPROVE_EXCESS)


def test_the_roles_exist_after_migrating_and_making_them_again_changes_nothing(db: None) -> None:
    ensure_roles()
    ensure_roles()
    assert set(Group.objects.values_list("name", flat=True)) == set(ROLES)


def test_every_right_is_granted_to_somebody() -> None:
    assert set(GRANTS) == set(Right)
    assert all(GRANTS.values())

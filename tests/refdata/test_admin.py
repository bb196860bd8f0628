"""Reference data in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.test import Client as HttpClient
from django.urls import reverse

from refdata.admin import ReferenceAdmin
from refdata.models import FxRate, Holiday, Instrument, InstrumentIdentifier, Party, Ssi
from tests.refdata.conftest import CASH_SSI, LEI, events, load

pytestmark = pytest.mark.django_db
MODELS = [
    *("party", "instrument", "book", "ssi", "holiday", "closeprice", "fxrate"),
    *("mandate", "watchentry", "agreement"),
]
INLINE = {"identifiers-TOTAL_FORMS": "0", "identifiers-INITIAL_FORMS": "0"}


@pytest.fixture
def staff(client: HttpClient) -> HttpClient:
    """Return an HTTP client logged in as an administrator."""
    user = get_user_model().objects.create_superuser("boss", "boss@example.org", "a long password")
    client.force_login(user)
    return client


def submit(staff: HttpClient, model: str, data: dict[str, Any], pk: int | None = None) -> Any:
    """Post an admin form and return the answer."""
    args = [] if pk is None else [pk]
    return staff.post(reverse(f"admin:refdata_{model}_{'add' if pk is None else 'change'}", args=args), data)


class TestEveryModel:
    @pytest.mark.parametrize("model", MODELS)
    def test_has_a_list_a_search_and_a_form(self, staff: HttpClient, model: str, party, apple) -> None:
        load("holidays", {"calendar": "FIRM", "date": "2026-12-24"})

        for address in (
            reverse(f"admin:refdata_{model}_changelist"),
            reverse(f"admin:refdata_{model}_changelist") + "?q=a",
        ):
            assert staff.get(address).status_code == 200
        added = staff.get(reverse(f"admin:refdata_{model}_add"))
        alone = model not in {"ssi", "holiday"}  # those two people change, on a screen of their own
        assert added.status_code == (200 if alone else 403)

    @pytest.mark.parametrize("field", ["book/entity", "closeprice/instrument", "agreement/party"])
    def test_completes_references(self, staff: HttpClient, field: str, party, apple) -> None:
        model, name = field.split("/")

        answer = staff.get(
            reverse("admin:autocomplete"),
            {
                "app_label": "refdata",
                "model_name": model,
                "field_name": name,
                "term": "US037" if name == "instrument" else "ENT",
            },
        )

        assert len(answer.json()["results"]) == 1


class TestSaving:
    def test_a_new_row_logs_it(self, staff: HttpClient) -> None:
        answer = submit(
            staff,
            "party",
            {"code": "CP", "name": "Counterparty", "role": "COUNTERPARTY", "lei": ""},
        )

        assert answer.status_code == 302
        stored = Party.objects.get()
        assert (stored.lei, stored.bic, stored.restricted) == (None, None, False)
        ((kind, data),) = events()
        assert (kind, data["before"], data["after"]["name"]) == ("party.created", None, "Counterparty")

    def test_a_change_logs_what_was_before_and_after(self, staff: HttpClient, party) -> None:
        stored = Party.objects.get(code="CP")
        known = len(events())

        submit(
            staff,
            "party",
            {
                "name": "Counterparty",
                "role": "COUNTERPARTY",
                "lei": LEI,
                "country": "DE",
                "restricted": "on",
            },
            stored.id,
        )

        assert events()[known:] == [
            (
                "party.changed",
                {"key": {"code": "CP"}, "before": {"restricted": False}, "after": {"restricted": True}},
            )
        ]

    def test_nothing_new_logs_nothing(self, staff: HttpClient, party) -> None:
        stored, known = Party.objects.get(code="CP"), events()

        submit(
            staff,
            "party",
            {"name": "Counterparty", "role": "COUNTERPARTY", "lei": LEI, "country": "DE"},
            stored.id,
        )

        assert events() == known

    def test_a_further_identifier_logs_it_with_its_instrument(self, staff: HttpClient, apple) -> None:
        stored, identifier = Instrument.objects.get(), InstrumentIdentifier.objects.get()
        known = len(events())

        answer = submit(
            staff,
            "instrument",
            {
                "scheme": "ISIN",
                "name": "Apple Inc.",
                "product_class": "EQUITY",
                "currency": "USD",
                "price_basis": "UNIT",
                "multiplier": "1",
                "settlement_cycle": "1",
                "market": "XNAS",
                "active": "on",
                "identifiers-TOTAL_FORMS": "2",
                "identifiers-INITIAL_FORMS": "1",
                "identifiers-0-id": identifier.id,
                "identifiers-0-instrument": stored.id,
                "identifiers-0-scheme": "CUSIP",
                "identifiers-0-value": "037833100",
                "identifiers-1-instrument": stored.id,
                "identifiers-1-scheme": "SEDOL",
                "identifiers-1-value": "2046251",
            },
            stored.id,
        )

        assert answer.status_code == 302
        assert events()[known:] == [
            (
                "instrument.changed",
                {
                    "key": {"code": "US0378331005"},
                    "before": {"identifiers": {"037833100": "CUSIP"}},
                    "after": {"identifiers": {"037833100": "CUSIP", "2046251": "SEDOL"}},
                },
            )
        ]


class TestRefusing:
    def refused(self, answer: Any, *fields: str | None) -> bool:
        form = answer.context["adminform"].form
        return answer.status_code == 200 and set(form.errors) == {each or "__all__" for each in fields}

    def test_a_wrong_check_digit(self, staff: HttpClient) -> None:
        answer = submit(
            staff,
            "instrument",
            {
                "code": "US0378331006",
                "scheme": "ISIN",
                "name": "Apple Inc.",
                "product_class": "EQUITY",
                "currency": "USD",
                "price_basis": "UNIT",
                "multiplier": "1",
                "active": "on",
                **INLINE,
            },
        )

        assert self.refused(answer, "code")
        assert not Instrument.objects.exists()
        assert events() == []

    def test_a_settlement_instruction_which_two_people_change_elsewhere(
        self, staff: HttpClient, party
    ) -> None:
        load("ssis", CASH_SSI)
        stored = Ssi.objects.get()
        answer = submit(staff, "ssi", CASH_SSI | {"party": stored.party_id}, pk=stored.pk)

        assert answer.status_code == 403
        assert staff.get("/admin/refdata/ssi/add/").status_code == 403
        assert Ssi.objects.get().account == CASH_SSI["account"]

    def test_a_rate_of_the_base_currency_or_of_nothing(self, staff: HttpClient) -> None:
        answer = submit(staff, "fxrate", {"currency": "EUR", "date": "2026-11-20", "rate": "0"})

        assert self.refused(answer, "currency", "rate")
        assert not FxRate.objects.exists()

    def test_another_code_for_a_stored_row(self, staff: HttpClient, party) -> None:
        stored = Party.objects.get(code="CP")

        submit(staff, "party", {"code": "NEW", "name": "N", "role": "COUNTERPARTY"}, stored.id)

        assert not Party.objects.filter(code="NEW").exists()

    def test_a_deletion_and_says_why(self, staff: HttpClient, party) -> None:
        stored, known = Party.objects.get(code="CP"), events()

        answer = staff.post(
            reverse("admin:refdata_party_delete", args=[stored.id]), {"post": "yes"}, follow=True
        )

        assert "never deleted" in answer.content.decode()
        assert Party.objects.filter(code="CP").exists()
        assert events() == known

    def test_a_deletion_in_the_database_too(self, party) -> None:
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            Party.objects.get(code="CP").delete()

    def test_a_change_by_staff_without_the_right(self, client: HttpClient, party) -> None:
        stored = Party.objects.get(code="CP")
        client.force_login(get_user_model().objects.create_user("clerk", is_staff=True))

        answer = submit(client, "party", {"name": "Bent", "role": "COUNTERPARTY"}, stored.id)

        assert answer.status_code == 403
        assert Party.objects.get(code="CP").name == "Counterparty"


class TestWhatTwoPeopleChange:
    def test_is_only_shown(self, staff: HttpClient) -> None:
        load("holidays", {"calendar": "FIRM", "date": "2026-12-24", "name": "Office closed"})
        stored = Holiday.objects.get()

        for model in ("ssi", "holiday", "settlementcycle", "cutoff"):
            assert staff.get(reverse(f"admin:refdata_{model}_changelist")).status_code == 200
            assert staff.post(reverse(f"admin:refdata_{model}_add"), {}).status_code == 403
        staff.post(reverse("admin:refdata_holiday_delete", args=[stored.id]), {"post": "yes"})

        assert Holiday.objects.get() == stored


def test_every_model_of_the_reference_data_is_edited_under_the_rules_of_its_kind() -> None:
    from django.apps import apps
    from django.contrib import admin

    registered = {
        model: admin.site._registry.get(model) for model in apps.get_app_config("refdata").get_models()
    }

    assert {model.__name__ for model, editor in registered.items() if editor is None} == {
        "InstrumentIdentifier",  # edited with its instrument
        "FeeRule",  # made by two people, on its screen or over the API
        "FeeRuleVersion",
    }
    assert all(isinstance(editor, ReferenceAdmin) for editor in registered.values() if editor)

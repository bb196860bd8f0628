"""Who gets past which door: every address, with every method, as everybody, from the URL configuration.

What an address asks stands on its view (docs/reference/permissions.md lists it). What it answers those whom it
lets in, when it is sent nothing, stands here. An address that says nothing, or that is missing here, fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from core import ids, sql
from core.clock import utc_now
from core.http.authentication import OF_EVERY_SOURCE, SCOPES, revoke_client
from core.models import ApiClient
from feed.models import Webhook
from middleoffice.access import METHODS, Route, routes
from ops.data_sets import DATA_SETS
from ops.lists import LISTS
from ops.permissions import ADMINISTRATOR, GRANTS, ROLES, Right
from ops.proposals import DECISIONS
from refdata.fee_rules import KIND as FEE
from risk.models import Reservation
from risk.services.back_test import start_back_test
from risk.services.excess import KIND as EXCESS
from risk.services.excess import propose_excess
from risk.services.parameters import Draft
from risk.services.reservations import reserve
from risk.services.stops import make_stop
from risk.services.terms import TERMS, Terms, propose_terms
from settlement.services.hold import Wanted, make_hold
from tests.feed.support import webhook
from tests.ledger.reconciling import break_ids, defined
from tests.ledger.reconciling import run as reconcile
from tests.ledger.statements import listed, send
from tests.settlement.support import instruction_ids, seal, validated
from tests.support import factories, records
from tests.support.accounts import just_now
from tests.support.api import Api
from tests.support.confirmations import said_of
from tests.support.fees import fee_rule, proposed_rule
from tests.support.invoices import deliver, delivered_by, sealed_order
from tests.support.records import CLERK, NOW, person
from trades.models import ChangePolicy
from trades.services.bulk_run import start_run
from trades.services.change import Change
from trades.services.confirmation import Told, confirm_trades
from trades.services.desk import Asked
from trades.services.single_change import PROPOSAL_KIND as CHANGE
from trades.services.single_change import change_trade

PRICE = "OFF_MARKET_PRICE"
RULE = "COMM"
RECONCILED = "TRADES-FO"
BACKEND = "django.contrib.auth.backends.ModelBackend"
STRANGER, DISABLED, NO_ROLE, SUPERUSER = (
    "a stranger",
    "a disabled user",
    "a user without a role",
    "a superuser",
)

# What whoever is let in gets for a screen, 200 unless it stands here, and for a form sent empty, unless 422.
SCREENS = {
    "position": 404,
    "lot_policy": 404,
    "profit_behind": 404,
    "reference_row": 404,  # of no key
    "reference_proposal": 404,  # of none
    "search": 302,
    "presence": 404,  # of no record
    "explore": 302,
    "audit_day_evidence": 422,
    "limit_member": 404,  # of no limit
    "view_delete": 302,
    "view_columns": 302,
    "export_file": 404,  # of no export
    "notification": 404,  # of none
}
FORMS = {
    **{f"view_save:{each}": 422 for each in LISTS},
    **{f"view_delete:{each}": 404 for each in LISTS},
    **{f"view_columns:{each}": 302 for each in LISTS},
    **{f"view_export:{each}": 200 for each in LISTS},
    **{f"view_make:{each}": 303 for each in LISTS},
    "export_cancel": 404,  # of no export
    **{f"layout_save:{each}": 422 for each in DATA_SETS},
    **{f"layout_delete:{each}": 404 for each in DATA_SETS},
    "notifications_read": 303,
    "notifications_choose": 303,
    "today_seen": 303,
    "trade_change:amend": 422,
    "trade_change:cancel": 422,
    "trade_recheck": 303,
    "trade_link": 409,  # of no version
    "trade_remind": 409,  # both sides agree
    "exception_next": 303,
    "exception_act:claim": 303,
    "exception_act:release": 303,
    "exception_act:repair": 412,  # of no version
    "exception_act:re-check": 303,
    "exception_act:excess": 412,
    "exception_act:wake": 303,
    "exception_bulk": 303,
    "trade_bulk": 303,
    "bulk_again": 200,
    "bulk_stop": 303,
    "bulk_undo": 303,
    "fee_propose": 422,
    "corporate_actions_propose": 422,
    "batch_release": 409,  # it does not wait to be released
    "check_propose": 409,  # nothing would change
    "back_test_of_proposal": 404,  # of no proposal
    "back_test_cancel": 303,
    "limit_terms": 422,
    "reconciliation_upload": 422,
    "reconciliation_run_now": 303,
    "confirmation_upload": 422,
    "reference_change": 422,
    "reference_upload": 422,
    "ssi_change": 422,
    "calendar_change": 422,
    "limit_excess": 404,  # of no limit
    "journal_close": 422,
    "approval_decide:approve": 303,
    "approval_decide:withdraw": 403,  # somebody else has made it
}
# What a client with the scope gets that sends nothing: 200 for a GET, 400 for anything else, unless it stands here.
ENDPOINTS = {
    ("api-trade-amendments", "POST"): 428,  # it must say of which version
    ("api-trade-cancellations", "POST"): 428,
    ("api-trade-allocations", "POST"): 428,
    ("api-refdata", "POST"): 415,
    ("api-webhook", "PATCH"): 428,
    ("api-ssi-change", "GET"): 404,
    ("api-profit-day", "GET"): 404,
    ("api-profit-prices", "GET"): 404,
    ("api-profit-positions", "GET"): 404,
    ("api-profit-trades", "GET"): 404,
    ("api-profit-sign-offs", "GET"): 404,
    ("api-profit-gains", "GET"): 404,
    ("api-profit-position-gains", "GET"): 404,
    ("api-profit-restatements", "GET"): 404,
    ("api-profit-restated-trades", "GET"): 404,
    ("api-calendar-change", "GET"): 404,
    ("api-obligations", "GET"): 400,  # of which value date
}
# And what one gets that has every scope but is bound to a source that has none of the trades, and no webhook.
ELSEWHERE = {
    ("api-trade", "GET"): 404,
    ("api-trade-evidence", "GET"): 404,
    ("api-trade-events", "GET"): 404,
    ("api-trade-amendments", "POST"): 404,
    ("api-trade-cancellations", "POST"): 404,
    ("api-trade-allocations", "GET"): 404,
    ("api-trade-allocations", "POST"): 404,
    ("api-exception", "GET"): 404,
    ("api-exception-comments", "GET"): 404,
    ("api-exception-comments", "POST"): 404,
    ("api-back-test-trades", "GET"): 403,
    ("api-reservation", "GET"): 404,
    ("api-batch-evidence", "GET"): 403,
    ("api-state-hash", "GET"): 403,
    ("api-webhook", "GET"): 404,
    ("api-webhook-deliveries", "GET"): 404,
}
# Which tables a superuser may change in the admin, and how; the others are there to be read.
_ALL = frozenset({"add", "change", "delete"})
ADMIN: dict[str, frozenset[str]] = {
    "auth.group": _ALL,
    "auth.user": _ALL,
    "axes.accessattempt": frozenset(
        {"change", "delete"}
    ),  # to unlock a name; the log tells of each by itself
    "axes.accessfailurelog": frozenset({"change", "delete"}),
    "axes.accesslog": frozenset({"change", "delete"}),
    "core.apiclient": frozenset({"add"}),
    "core.approvalpolicy": frozenset({"add", "change"}),
    "feed.webhook": frozenset({"add"}),
    "ops.deskscope": _ALL,
    "refdata.agreement": frozenset({"add", "change"}),
    "refdata.billingterms": frozenset({"add", "change"}),
    "refdata.book": frozenset({"add", "change"}),
    "refdata.closeprice": frozenset({"add", "change"}),
    "refdata.fxrate": frozenset({"add", "change"}),
    "refdata.instrument": frozenset({"add", "change"}),
    "refdata.mandate": frozenset({"add", "change"}),
    "refdata.maximumsize": frozenset({"add", "change"}),
    "refdata.nettingagreement": frozenset({"add", "change"}),
    "refdata.penaltyrate": frozenset({"add", "change"}),
    "refdata.party": frozenset({"add", "change"}),
    "refdata.watchentry": frozenset({"add", "change"}),
    "trades.assignmentrule": _ALL,
    "trades.changepolicy": _ALL,
}
# What the admin's other pages answer the staff, to a GET and to an empty POST.
ADMIN_PAGES = {
    "admin/": (200, 200),
    "admin/logout/": (405, 302),
    "admin/password_change/": (200, 200),
    "admin/password_change/done/": (200, 405),
    "admin/autocomplete/": (403, 405),  # of no field
    "admin/jsi18n/": (200, 405),
    "admin/r/<path:content_type_id>/<path:object_id>/": (404, 404),
}
# What is open to everybody answers a stranger: to a GET, and to an empty POST.
OPEN = {
    "api/v1/openapi.json": (200, 405),
    "api/docs": (200, 405),
    "api/v1/keys": (200, 405),
    "healthz": (200, 200),
    "readyz": (503, 503),  # no worker runs here
    "admin/login/": (302, 302),  # to the log-in page
    "log-in": (200, 422),
    "log-in/code": (302, 302),  # of nobody who gave a password
    "account": (302, 302),  # to the log-in page
    "account/sessions/end": (302, 302),
    "account/password": (302, 302),
    "account/confirm": (302, 302),
    "account/confirm/code": (302, 302),
    "account/second-factor": (302, 302),
    "account/second-factor/remove": (302, 302),
    "account/recovery-codes": (302, 302),
    "account/recovery-codes/new": (302, 302),
    "log-out": (405, 302),
    "confirm/<str:token>": (404, 404),  # no such link
    "as-of": (302, 302),  # to the log-in page
    "preferences": (405, 400),
}


@dataclass(frozen=True)
class Things:
    """One of everything that an address can be about, by its reference."""

    trade: str
    exception: str
    batch: str
    instruction: str
    webhook: str
    back_test: str
    reservation: str
    stop: str
    hold: str
    invoice: str
    statement: str
    run: str
    broken: str
    confirmation: str
    bulk_run: str
    person: str
    proposals: dict[str, str]

    def path(self, route: Route) -> str:
        """Return an address of the route: of what exists where it can be about that."""
        first = route.path.removeprefix("api/v1/").partition("/")[0]
        known = {
            "trades": self.trade,
            "exceptions": self.exception,
            "batches": self.batch,
            "settlement-batches": self.batch,
            "instructions": self.instruction,
            "settlement-instructions": self.instruction,
            "settlement-attestations": "2020-01-01",
            "settlement-recalls": ids.public_id(ids.RECALL, 1),
            "settlement-holds": self.hold,
            "holds": self.hold,
            "settlement-claims": ids.public_id(ids.CLAIM, 1),
            "integrations": self.webhook,
            "webhooks": self.webhook,
            "refdata": "parties",
            "checks": PRICE,
            "back-tests": self.back_test,
            "fees": RULE,
            "fee-rules": RULE,
            "reservations": self.reservation,
            "stops": self.stop,
            "invoices": self.invoice,
            "statements": self.statement,
            "reconciliations": RECONCILED,
            "reconciliation-runs": self.run,
            "breaks": self.broken,
            "confirmations": self.confirmation,
            "bulk": self.bulk_run,
            "people": self.person,
        }
        named = {"limit_lift": self.stop, "break_explain": "1", "reconciliation_run": self.run}
        return "/" + re.sub(r"<[^>]+>", named.get(route.name, known.get(first, "1")), route.path)


@pytest.fixture
def things(db: None) -> Things:
    factories.world()
    (settled,) = validated(factories.equity())
    (batch, *_) = seal()
    (instruction, *_) = instruction_ids(batch)
    (trade,) = factories.captured_ids(factories.equity())
    records.hold(trade)
    ((exception,),) = sql.rows("SELECT max(id) FROM trades_exception")
    how: dict[str, Any] = {"user": person("the maker"), "actor": CLERK, "now": NOW}
    ChangePolicy.objects.create()
    changed = change_trade(change=Change(kind="CANCEL", trade_id=settled, reason="because"), **how)
    assert changed.proposal_id is not None
    limit = factories.limit(hard="1000000")
    limit.refresh_from_db()
    terms = propose_terms(terms=replace(Terms.of(limit), hard=Decimal(2_000_000)), reason="because", **how)
    tried = Draft(parameters={"tolerance": "0.05"})
    back_test = start_back_test(code=PRICE, draft=tried, days=1, actor=CLERK, now=NOW)
    held = reserve(
        message=factories.message_of(factories.unit_trade(1)),
        seconds=60,
        client=factories.trusted_client(),
        actor=CLERK,
        now=NOW,
    )
    stop = make_stop(kind="TRADER", key="nobody", reason="because", actor=CLERK, now=NOW)
    kept = make_hold(
        wanted=Wanted("TRADE", ids.public_id(ids.TRADE, trade)), reason="because", actor=CLERK, now=NOW
    )
    deliver(delivered_by(sealed_order())[0])
    ((invoice,),) = sql.rows("SELECT id FROM settlement_invoice")
    defined(RECONCILED)
    statement = send(listed("TRADES", [], source="FO-EQ")).statement_id
    run = reconcile(RECONCILED)["id"]
    fee_rule(RULE, is_stated=False)
    rule = proposed_rule(RULE, is_stated=False, rate="11")
    (confirmed,) = confirm_trades(said=[said_of(trade)], actor=CLERK, now=NOW)
    assert isinstance(confirmed, Told)
    bulk = start_run(
        subject="exception",
        seen={exception: ""},
        asked=Asked("claim", user=how["user"]),
        key="k",
        actor=CLERK,
        now=NOW,
    )
    excess = propose_excess(trade_id=trade, codes=["OFF_MARKET_PRICE"], reason="because", **how)
    return Things(
        ids.public_id(ids.TRADE, trade),
        ids.public_id(ids.EXCEPTION, exception),
        ids.public_id(ids.BATCH, batch),
        ids.public_id(ids.INSTRUCTION, instruction),
        ids.public_id(ids.WEBHOOK, webhook(name="listener")[0].id),
        ids.public_id(ids.BACK_TEST, back_test),
        ids.public_id(ids.RESERVATION, held.id),
        ids.public_id(ids.STOP, stop),
        ids.public_id(ids.HOLD, kept.id),
        ids.public_id(ids.INVOICE, invoice),
        ids.public_id(ids.STATEMENT, statement),
        ids.public_id(ids.RECONCILIATION_RUN, run),
        ids.public_id(ids.BREAK, break_ids()[0]),
        ids.public_id(ids.CONFIRMATION, confirmed.confirmation_id),
        ids.public_id(ids.BULK_RUN, bulk.id),
        str(how["user"].pk),
        {
            EXCESS: ids.public_id(ids.PROPOSAL, excess),
            CHANGE: ids.public_id(ids.PROPOSAL, changed.proposal_id),
            TERMS: ids.public_id(ids.PROPOSAL, terms),
            FEE: ids.public_id(ids.PROPOSAL, rule),
        },
    )


def answer(caller: Client, method: str, path: str, **how: Any) -> HttpResponse:
    """Return what a request comes to, which is then undone."""
    cookies = copy(caller.cookies)
    with transaction.atomic():
        got: HttpResponse = caller.generic(method, path, **how)
        b"".join(got) if got.streaming else got.content  # type: ignore[arg-type]
        transaction.set_rollback(True)
    caller.cookies = cookies
    return got


def logged_in(user: User) -> Client:
    caller = Client()
    caller.force_login(user, backend=BACKEND)
    just_now(caller)
    return caller


def people() -> dict[str, Client]:
    """Return a browser of everybody there is."""
    found = {STRANGER: Client(), NO_ROLE: logged_in(person("nobody"))}
    for role in ROLES:
        holder = person(role)
        holder.groups.set([Group.objects.get(name=role)])
        found[role] = logged_in(holder)
    found[SUPERUSER] = logged_in(person("root", is_superuser=True))
    disabled = person("gone", is_superuser=True, is_staff=True)
    found[DISABLED] = logged_in(disabled)
    User.objects.filter(pk=disabled.pk).update(is_active=False)
    return found


def test_every_address_says_what_it_asks() -> None:
    assert [route.path for route in routes() if not route.declared] == []


# --- the console ---


def doors(route: Route, things: Things) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield addresses of a screen's route, each with the roles that get in."""
    if route.name == "approval_decide":
        (decision,) = (value for _, value in route.parameters)
        for kind, reference in things.proposals.items():
            if kind not in DECISIONS:
                continue
            right = DECISIONS[kind][decision].right
            yield f"/approvals/{reference}/{decision}", GRANTS[right] & GRANTS[Right.READ_APPROVALS]
        return
    yield things.path(route), frozenset.intersection(*(GRANTS[each] for each in route.rights))


# Who tries the methods that no screen has: they are refused before anybody's role is looked at.
FEW = {STRANGER, NO_ROLE, SUPERUSER, DISABLED}


def of_the_console(route: Route, things: Things, method: str, who: str) -> Iterator[tuple[str, str, int]]:
    """Yield each request of a cell: its path, what it should be answered, and where it should lead to."""
    for path, roles in doors(route, things):
        role = ADMINISTRATOR if who == SUPERUSER else who
        if route.form_of and method != "POST":
            yield path, "elsewhere", 302
        elif who in {STRANGER, DISABLED}:
            yield path, f"/log-in?next={path}", 302
        elif method not in {"GET", "POST"}:
            yield path, "", 405
        elif role not in roles:
            yield path, "", 403
        elif method == "POST" and (route.form_of or _key(route) in FORMS):
            yield path, "", FORMS.get(_key(route), 422)
        else:  # a screen that is sent a form shows itself
            yield path, "", SCREENS.get(route.name, 200)


def _key(route: Route) -> str:
    return ":".join([route.name, *(value for _, value in route.parameters)])


def test_every_screen_and_form_lets_in_exactly_the_roles_that_have_its_right(things: Things) -> None:
    callers, wrong = people(), []
    for route in routes():
        if not route.rights:
            continue
        for method in METHODS:
            for who, caller in callers.items():
                if method not in {"GET", "POST"} and who not in FEW:
                    continue
                for path, leads_to, expected in of_the_console(route, things, method, who):
                    got = answer(caller, method, path)
                    if got.status_code != expected or (
                        leads_to.startswith("/") and got["Location"] != leads_to
                    ):
                        wrong.append((_key(route), method, who, got.status_code, expected))
    assert wrong == []


# --- the API ---

ANOTHER_SOURCE = "a client of another source"


def tokens() -> dict[str, str]:
    """Return the token of everybody there is, by who it is; those of a scope alone by the scope."""
    issued = {scope: factories.api_client(scope, scopes=[scope])[1] for scope in SCOPES}
    issued["no scope"] = factories.api_client("none", scopes=[])[1]
    issued[ANOTHER_SOURCE] = factories.api_client("other", sources=["ELSEWHERE"])[1]
    revoked, issued["revoked"] = factories.api_client("revoked")
    revoke_client(client=revoked, actor=CLERK, at=utc_now())
    issued["expired"] = factories.api_client("expired", expires_at=utc_now())[1]
    issued["unknown"] = issued["no scope"] + "x"
    issued["malformed"] = "letmein"
    return issued


def test_every_endpoint_lets_in_exactly_the_scope_it_names(things: Things) -> None:
    callers, wrong, http = tokens(), [], Client()
    Webhook.objects.update(client=ApiClient.objects.get(name="webhooks:write"))
    Reservation.objects.update(client_id=ApiClient.objects.get(name="limits:reserve").id)
    for route in routes():
        if route.scopes is None:
            continue
        for method in METHODS:
            for who, token in {**callers, STRANGER: ""}.items():
                if method not in route.scopes and who not in {"no scope", "revoked", STRANGER}:
                    continue  # a method that an endpoint does not have is refused whatever the scope
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                got = answer(http, method, things.path(route), headers=headers)
                expected = of_the_api(route, method, who)
                if got.status_code != expected:
                    wrong.append((route.name, method, who, got.status_code, expected))
    assert wrong == []


def of_the_api(route: Route, method: str, who: str) -> int:
    """Return what a cell should be answered."""
    assert route.scopes is not None
    if who in {"revoked", "expired", "unknown", "malformed"}:
        return 401
    if method not in route.scopes:
        return 405
    if who == STRANGER:
        return 401
    if who == ANOTHER_SOURCE and route.scopes[method] in OF_EVERY_SOURCE:
        return 403
    if who == ANOTHER_SOURCE:
        return ELSEWHERE.get((route.name, method)) or let_in(route, method)
    if who != route.scopes[method]:
        return 403
    return let_in(route, method)


def let_in(route: Route, method: str) -> int:
    """Return what an empty request comes to that gets past the door."""
    return ENDPOINTS.get((route.name, method), 200 if method == "GET" else 400)


# --- the admin ---

STAFF, READER = "a person of the staff", "a person of the staff who may look at everything"
OBJECTS = {"changelist": "view", "history": "view", "add": "add", "change": "change", "delete": "delete"}


def staff() -> dict[str, Client]:
    """Return a browser of everybody who might get into the admin."""
    reader = person("reader", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    everything = person("all roles")
    everything.groups.set(Group.objects.all())
    gone = person("gone", is_superuser=True, is_staff=True)
    found = {
        STRANGER: Client(),
        "a user of every role": logged_in(everything),
        STAFF: logged_in(person("staff", is_staff=True)),
        READER: logged_in(reader),
        SUPERUSER: logged_in(person("root", is_superuser=True, is_staff=True)),
        DISABLED: logged_in(gone),
    }
    User.objects.filter(pk=gone.pk).update(is_active=False)
    return found


def test_the_admin_lets_in_the_staff_and_each_only_as_far_as_its_permissions_go(db: None) -> None:
    callers, wrong = staff(), []
    tables = {
        f"{each._meta.app_label}_{each._meta.model_name}": each._meta.label_lower for each in site._registry
    }
    for route in routes():
        if not route.admin:
            continue
        table, _, page = route.name.rpartition("_")
        for method in ("GET", "POST"):
            for who, caller in callers.items():
                path = "/" + re.sub(r"<[^>]+>", "0", route.path)
                got = answer(caller, method, path).status_code
                if who not in {STAFF, READER, SUPERUSER}:
                    expected = 302
                elif table in tables and page in OBJECTS:
                    expected = of_a_table(tables[table], page, method, who)
                elif route.name == "auth_user_password_change":
                    expected = 404 if who == SUPERUSER else 403  # of nobody
                elif route.path.endswith("/<path:object_id>/") and not route.name:
                    expected = 302  # an older address of `change`
                else:
                    expected = ADMIN_PAGES.get(route.path, (404, 404))[method == "POST"]
                if got != expected:
                    wrong.append((route.path, method, who, got, expected))
    assert wrong == []


def of_a_table(table: str, page: str, method: str, who: str) -> int:
    """Return what a page of a table should answer, about a row that is not there."""
    if page == "history":  # leads away from a row that is not there before it asks who wants to know
        return 302
    never_deleted = table.startswith("refdata.") and "delete" not in ADMIN.get(table, ())
    looks = (page == "change" and method == "GET") or (
        page == "delete" and never_deleted
    )  # which says why not
    needed = "view" if looks else OBJECTS[page]
    may = {"view"} if who == READER else {"view", *ADMIN.get(table, ())} if who == SUPERUSER else set()
    if needed not in may:
        return 403
    return 200 if page in {"changelist", "add"} else 302


# --- what is open ---


def test_what_is_open_to_everybody_is_what_is_meant_to_be(db: None) -> None:
    wrong = []
    for route in routes():
        if route.open_to:
            got = tuple(answer(Client(), method, f"/{route.path}").status_code for method in ("GET", "POST"))
            if OPEN.get(route.path) != got:
                wrong.append((route.path, got))
    assert wrong == []


# --- rights that are taken away ---


class TestATakenRight:
    """Bites on the very next request, whatever was kept of the one before."""

    def test_of_a_role(self, things: Things) -> None:
        olivia = person("olivia")
        olivia.groups.set([Group.objects.get(name="operations")])
        desk = logged_in(olivia)
        sent = {"value_date": "2026-12-31", "channels": ["CASH"]}
        assert desk.post("/batches/seal", sent).status_code == 303
        olivia.groups.clear()
        assert desk.post("/batches/seal", sent).status_code == 403
        assert desk.get("/batches").status_code == 403

    @pytest.mark.parametrize(
        "taken", [{"is_active": False}, {"password": "!another"}], ids=["account", "password"]
    )
    def test_of_an_account(self, db: None, taken: dict[str, Any]) -> None:
        olivia = person("olivia")
        olivia.groups.set([Group.objects.get(name="operations")])
        desk = logged_in(olivia)
        assert desk.get("/trades").status_code == 200
        User.objects.filter(pk=olivia.pk).update(**taken)
        assert desk.get("/trades")["Location"] == "/log-in?next=/trades"

    @pytest.mark.parametrize("taken", ["is_superuser", "is_staff", "is_active"])
    def test_of_an_administrator(self, db: None, taken: str) -> None:
        root = person("root", is_superuser=True, is_staff=True)
        desk = logged_in(root)
        assert desk.get("/admin/auth/user/").status_code == 200
        User.objects.filter(pk=root.pk).update(**{taken: False})
        assert desk.get("/admin/auth/user/").status_code == (403 if taken == "is_superuser" else 302)

    @pytest.mark.parametrize(
        ("taken", "status"),
        [
            ({"revoked_at": NOW}, 401),
            ({"expires_at": NOW}, 401),
            ({"scopes": ["trades:read"]}, 403),
            ({"sources": ["ELSEWHERE"]}, 403),
        ],
        ids=["token", "time", "scope", "source"],
    )
    def test_of_a_client_also_to_the_answer_it_was_given(
        self, db: None, taken: dict[str, Any], status: int
    ) -> None:
        factories.world()
        front, deal = Api(), factories.equity("T-1")
        assert front.trade(deal, key="once").status_code == 201
        assert front.trade(deal, key="once")["Idempotency-Replayed"] == "true"
        ApiClient.objects.update(**taken)
        assert front.trade(deal, key="once").status_code == status
        assert front.trade(factories.equity("T-2")).status_code == status
        assert sql.rows("SELECT count(*) FROM trades_state") == [(1,)]

"""Who may do what in the browser: the ONE table of rights and the roles that carry them.

Roles are Django groups. A view names the right it needs; nothing else decides. Superusers get no right here
beyond the administrator's: whoever runs the system does not therefore trade, repair or approve in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from core import sql


class Right(Enum):
    """One thing a person may do, in the words of the permission-denied page."""

    READ_TRADES = "read trades"
    READ_EXCEPTIONS = "read exceptions"
    WORK_EXCEPTIONS = "claim, assign, comment and snooze exceptions"
    REPAIR = "repair and re-check trades"
    REJECT = "reject trades"
    CHANGE = "amend, cancel and allocate trades"
    PROPOSE_EXCESS = "request the approval of an excess"
    READ_APPROVALS = "read approvals"
    APPROVE_EXCESS = "approve or decline an excess"
    APPROVE_CHANGE = "approve or decline a change of a trade"
    READ_BATCHES = "read batches"
    SEAL = "seal batches"
    RECALL = "recall sealed batches and single instructions"
    HOLD = "hold what is to be sealed, and release it"
    CHASE = "record whom they asked to move what is stuck"
    PROPOSE_RELEASE = "ask for the release of sealed batches"
    APPROVE_RELEASE = "release sealed batches and held counterparties, or decline to"
    READ_LIMITS = "read limits"
    READ_CHECKS = "read checks and back-tests"
    PROPOSE_CHECK = "propose how checks are set, and start back-tests"
    APPROVE_CHECK = "approve or decline how checks are set"
    PROPOSE_LIMIT = "propose limits, temporary excesses and the lifting of stops"
    APPROVE_LIMIT = "approve or decline limits, temporary excesses and the lifting of stops"
    READ_FEES = "read fee rules and what is charged"
    PROPOSE_FEE = "propose fee rules"
    APPROVE_FEE = "approve or decline fee rules"
    READ_INVOICES = "read invoices and credit notes"
    CREDIT = "credit invoices, and propose what needs a second person"
    APPROVE_CREDIT = "approve or decline credits of invoices"
    READ_POSITIONS = "read positions, lots and corporate actions"
    PROPOSE_POSITION = "propose corporate actions and how books count their lots"
    APPROVE_POSITION = "approve or decline corporate actions and how books count their lots"
    READ_CONFIRMATIONS = "read what counterparties confirm"
    CONFIRM = "upload what counterparties confirm, and remind them of it"
    READ_PROFIT = "read daily profit and loss"
    PREPARE_PROFIT = (
        "tell days of profit, accept flags, and propose adjustments, sign-offs and how things are valued"
    )
    SIGN_PROFIT = "sign days of profit off, approve adjustments and how things are valued, or decline to"
    READ_JOURNAL = "read the journal, trial balances and how far books are closed"
    PROPOSE_JOURNAL = "propose to close books, and what accounts are called"
    APPROVE_JOURNAL = "approve or decline the closing of books and what accounts are called"
    LINK_CONFIRMATION = "make a link by which a counterparty answers about a trade"
    DISPUTE = "dispute what a counterparty confirms"
    WAIVE_CONFIRMATION = "let a trade leave without its confirmation"
    PROPOSE_CONFIRMATION = "propose which trades must be confirmed"
    APPROVE_CONFIRMATION = "approve or decline which trades must be confirmed"
    READ_RECONCILIATIONS = "read statements, reconciliations and breaks"
    RECONCILE = "upload statements and run reconciliations"
    PROPOSE_MATCH = "propose that breaks are matched by force"
    PROPOSE_RECONCILIATION = "propose reconciliations"
    APPROVE_RECONCILIATION = "approve or decline reconciliations and forced matches"
    STOP = "stop a party, trader, book, instrument or source"
    READ_REFERENCE = "read parties, instruments, books, prices and other reference data"
    PROPOSE_REFERENCE = "propose parties, instruments, books, prices and other reference data"
    APPROVE_REFERENCE = "approve or decline parties, instruments, books, prices and other reference data"
    READ_SSIS = "read settlement instructions"
    PROPOSE_SSI = "propose settlement instructions"
    APPROVE_SSI = "approve or decline settlement instructions"
    READ_CALENDARS = "read holidays, settlement cycles, cut-offs and channels"
    PROPOSE_CALENDAR = "propose holidays, settlement cycles, cut-offs and what channels ask"
    APPROVE_CALENDAR = "approve or decline holidays, settlement cycles, cut-offs and what channels ask"
    READ_INTEGRATIONS = "read API clients and webhooks"
    REPLAY = "tell webhooks again"
    READ_AUDIT = "read the audit log"
    EXPORT_EVIDENCE = "export evidence"
    READ_PEOPLE = "read who may log in, with which roles and how protected"
    MANAGE_PEOPLE = "give roles, switch accounts off, unlock names and reset second factors"
    LOAD_DEMO = "load demo data into an installation without trades"
    MANAGE_VIEWS = "change views of lists that others share, and choose what teams see first"


OPERATIONS = "operations"
SUPERVISOR = "supervisor"
RISK = "risk"
BACK_OFFICE = "back office"
AUDITOR = "auditor"
ADMINISTRATOR = "administrator"
FRONT_OFFICE = "front-office reader"

ROLES = (OPERATIONS, SUPERVISOR, RISK, BACK_OFFICE, AUDITOR, ADMINISTRATOR, FRONT_OFFICE)

_EVERYONE = frozenset(ROLES)
_INSIDE = _EVERYONE - {FRONT_OFFICE}

GRANTS: dict[Right, frozenset[str]] = {
    Right.READ_TRADES: _EVERYONE,
    Right.READ_EXCEPTIONS: _INSIDE,
    Right.WORK_EXCEPTIONS: frozenset({OPERATIONS, SUPERVISOR, RISK}),
    Right.REPAIR: frozenset({OPERATIONS, SUPERVISOR}),
    Right.REJECT: frozenset({OPERATIONS, SUPERVISOR}),
    Right.CHANGE: frozenset({OPERATIONS, SUPERVISOR}),
    Right.PROPOSE_EXCESS: frozenset({OPERATIONS, SUPERVISOR, RISK}),
    Right.READ_APPROVALS: _INSIDE - {BACK_OFFICE},
    Right.APPROVE_EXCESS: frozenset({SUPERVISOR, RISK}),
    Right.APPROVE_CHANGE: frozenset({SUPERVISOR}),
    Right.READ_BATCHES: _INSIDE,
    Right.SEAL: frozenset({OPERATIONS, SUPERVISOR}),
    Right.RECALL: frozenset({OPERATIONS, SUPERVISOR}),
    Right.HOLD: frozenset({OPERATIONS, SUPERVISOR}),
    Right.CHASE: frozenset({OPERATIONS, SUPERVISOR}),
    Right.PROPOSE_RELEASE: frozenset({OPERATIONS, SUPERVISOR}),
    Right.APPROVE_RELEASE: frozenset({SUPERVISOR}),
    Right.READ_LIMITS: _EVERYONE - {BACK_OFFICE},
    Right.READ_CHECKS: _INSIDE,
    Right.PROPOSE_CHECK: frozenset({SUPERVISOR, RISK}),
    Right.APPROVE_CHECK: frozenset({SUPERVISOR, RISK}),
    Right.PROPOSE_LIMIT: frozenset({SUPERVISOR, RISK}),
    Right.APPROVE_LIMIT: frozenset({SUPERVISOR, RISK}),
    Right.READ_FEES: _INSIDE,
    Right.PROPOSE_FEE: frozenset({OPERATIONS, SUPERVISOR}),
    Right.APPROVE_FEE: frozenset({SUPERVISOR}),
    Right.READ_INVOICES: _INSIDE,
    Right.CREDIT: frozenset({OPERATIONS, SUPERVISOR}),
    Right.APPROVE_CREDIT: frozenset({SUPERVISOR}),
    Right.READ_POSITIONS: _EVERYONE,
    Right.PROPOSE_POSITION: frozenset({OPERATIONS, SUPERVISOR}),
    Right.APPROVE_POSITION: frozenset({SUPERVISOR}),
    Right.READ_CONFIRMATIONS: _INSIDE,
    Right.CONFIRM: frozenset({OPERATIONS, SUPERVISOR}),
    Right.READ_PROFIT: _INSIDE - {BACK_OFFICE},
    Right.PREPARE_PROFIT: frozenset({OPERATIONS, SUPERVISOR, RISK}),
    Right.SIGN_PROFIT: frozenset({SUPERVISOR, RISK}),
    Right.READ_JOURNAL: _INSIDE,
    Right.PROPOSE_JOURNAL: frozenset({OPERATIONS, SUPERVISOR}),
    Right.APPROVE_JOURNAL: frozenset({SUPERVISOR}),
    Right.LINK_CONFIRMATION: frozenset({OPERATIONS, SUPERVISOR}),
    Right.DISPUTE: frozenset({OPERATIONS, SUPERVISOR}),
    Right.WAIVE_CONFIRMATION: frozenset({SUPERVISOR}),
    Right.PROPOSE_CONFIRMATION: frozenset({OPERATIONS, SUPERVISOR}),
    Right.APPROVE_CONFIRMATION: frozenset({SUPERVISOR, RISK}),
    Right.READ_RECONCILIATIONS: _INSIDE,
    Right.RECONCILE: frozenset({OPERATIONS, SUPERVISOR, BACK_OFFICE}),
    Right.PROPOSE_MATCH: frozenset({OPERATIONS, SUPERVISOR}),
    Right.PROPOSE_RECONCILIATION: frozenset({OPERATIONS, SUPERVISOR}),
    Right.APPROVE_RECONCILIATION: frozenset({SUPERVISOR, RISK}),
    Right.STOP: frozenset({SUPERVISOR, RISK}),
    Right.READ_REFERENCE: _INSIDE,
    Right.PROPOSE_REFERENCE: frozenset({OPERATIONS, SUPERVISOR, RISK, ADMINISTRATOR}),
    Right.APPROVE_REFERENCE: frozenset({SUPERVISOR, RISK}),
    Right.READ_SSIS: _INSIDE,
    Right.PROPOSE_SSI: frozenset({OPERATIONS, SUPERVISOR, ADMINISTRATOR}),
    Right.APPROVE_SSI: frozenset({SUPERVISOR, RISK}),
    Right.READ_CALENDARS: _INSIDE,
    Right.PROPOSE_CALENDAR: frozenset({OPERATIONS, SUPERVISOR, ADMINISTRATOR}),
    Right.APPROVE_CALENDAR: frozenset({SUPERVISOR, RISK}),
    Right.READ_INTEGRATIONS: _INSIDE,
    Right.REPLAY: frozenset({OPERATIONS, SUPERVISOR, ADMINISTRATOR}),
    Right.READ_AUDIT: frozenset({SUPERVISOR, RISK, AUDITOR, ADMINISTRATOR}),
    Right.EXPORT_EVIDENCE: frozenset({SUPERVISOR, RISK, AUDITOR}),
    Right.READ_PEOPLE: frozenset({SUPERVISOR, AUDITOR, ADMINISTRATOR}),
    Right.MANAGE_PEOPLE: frozenset({ADMINISTRATOR}),
    Right.LOAD_DEMO: frozenset({ADMINISTRATOR}),
    Right.MANAGE_VIEWS: frozenset({SUPERVISOR, ADMINISTRATOR}),
}

# Whoever has one of these sees every desk, whatever desks the person was given.
OF_THE_FIRM = frozenset({SUPERVISOR, RISK, AUDITOR})
# What whoever is limited to some desks may still do, of these desks. Every other right is about the whole firm.
OF_DESKS = frozenset(
    {
        Right.READ_TRADES,
        Right.READ_EXCEPTIONS,
        Right.WORK_EXCEPTIONS,
        Right.REPAIR,
        Right.REJECT,
        Right.CHANGE,
        Right.PROPOSE_EXCESS,
        Right.READ_APPROVALS,
        Right.READ_LIMITS,
        Right.READ_CHECKS,
        Right.READ_POSITIONS,
        Right.READ_CONFIRMATIONS,
        Right.LINK_CONFIRMATION,
        Right.DISPUTE,
        Right.READ_PROFIT,
        Right.READ_SSIS,
        Right.READ_CALENDARS,
    }
)

_STANDING_OF_USER = "_console_standing"


def ensure_roles(*, apps: Apps = installed_apps, **_: Any) -> None:
    """Make the groups that do not exist yet. Runs after every migration, and may run at any time."""
    try:
        group = apps.get_model("auth", "Group")
    except LookupError:  # migrated to a point before there were groups
        return
    group.objects.bulk_create([group(name=name) for name in ROLES], ignore_conflicts=True)


@dataclass(frozen=True)
class Desks:
    """The desks that a person is limited to, and the ids of their books."""

    names: tuple[str, ...]
    books: tuple[int, ...]


_STANDING = """
SELECT array(SELECT g.name FROM auth_user_groups m JOIN auth_group g ON g.id = m.group_id WHERE m.user_id = u.id),
       s.desks, array(SELECT b.id FROM refdata_book b WHERE b.desk = ANY (s.desks) ORDER BY b.id)
FROM (SELECT %s::bigint AS id) u LEFT JOIN ops_desk_scope s ON s.user_id = u.id
"""


def _standing_of(user: Any) -> tuple[frozenset[str], Desks | None]:
    """Return the roles of a person who is logged in, and the desks that limit them; read once per request."""
    standing: tuple[frozenset[str], Desks | None] | None = getattr(user, _STANDING_OF_USER, None)
    if standing is None:
        ((groups, desks, books),) = sql.rows(_STANDING, [user.pk])
        roles = frozenset(set(groups) & _EVERYONE | ({ADMINISTRATOR} if user.is_superuser else set()))
        limited = desks is not None and roles.isdisjoint(OF_THE_FIRM)
        standing = roles, Desks(tuple(desks), tuple(books)) if limited else None
        setattr(user, _STANDING_OF_USER, standing)
    return standing


def roles_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[str]:
    """Return the roles of a user."""
    return _standing_of(user)[0] if user.is_authenticated else frozenset()


def desks_of(user: AbstractBaseUser | AnonymousUser) -> Desks | None:
    """Return the desks that a user is limited to; None for whoever sees the whole firm."""
    return _standing_of(user)[1] if user.is_authenticated else None


def may(user: AbstractBaseUser | AnonymousUser, right: Right) -> bool:
    """Tell whether a user has a right; whoever is limited to some desks has none that is about the whole firm."""
    return has_role_for(user, right) and (right in OF_DESKS or desks_of(user) is None)


def has_role_for(user: AbstractBaseUser | AnonymousUser, right: Right) -> bool:
    """Tell whether a role of a user has a right, whatever desks the user is limited to."""
    return not roles_of(user).isdisjoint(GRANTS[right])


def rights_of(user: AbstractBaseUser | AnonymousUser) -> dict[str, bool]:
    """Return every right by its lower-case name, for templates: `{% if rights.seal %}`."""
    return {right.name.lower(): may(user, right) for right in Right}


def holders(right: Right) -> list[str]:
    """Return the roles that have a right, in the order of ROLES."""
    return [role for role in ROLES if role in GRANTS[right]]

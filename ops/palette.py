"""Where the palette leads: pages, records by their reference, and actions. Nothing here does anything by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Model
from django.urls import reverse

from core import ids
from ledger.models import Break, ReconciliationRun
from ops.permissions import Right, may
from risk.models import BackTest
from settlement.models import Batch, Instruction, Invoice
from trades.models import Confirmation, ExceptionItem, TradeState
from trades.selectors import blotter

TRADES_OFFERED = 8  # of one front-office reference; the blotter has them all


@dataclass(frozen=True)
class Place:
    """A page that one may go to: the name of its address, and the right that its view asks."""

    name: str
    title: str
    right: Right


# Pages behind those of the navigation.
PAGES = (
    Place("causes", "Causes of exceptions", Right.READ_EXCEPTIONS),
    Place("straight_through", "Straight-through rate", Right.READ_EXCEPTIONS),
    Place("holds", "Holds", Right.READ_BATCHES),
    Place("settlement_calendar", "Settlement calendar", Right.READ_BATCHES),
    Place("settlement_fails", "Fails", Right.READ_BATCHES),
    Place("profit_adjustments", "P&L adjustments", Right.READ_PROFIT),
    Place("journal_entries", "Journal entries", Right.READ_JOURNAL),
)
# Actions lead to the form in which a person does them.
ACTIONS = (
    Place("ssi_change", "Propose settlement instructions", Right.PROPOSE_SSI),
    Place("reference_change", "Propose reference data", Right.PROPOSE_REFERENCE),
    Place("reference_upload", "Upload reference data", Right.PROPOSE_REFERENCE),
    Place("calendar_change", "Propose a change of a calendar", Right.PROPOSE_CALENDAR),
    Place("limit_terms", "Propose a limit", Right.PROPOSE_LIMIT),
    Place("fee_new", "Propose a fee rule", Right.PROPOSE_FEE),
    Place("reconciliation_new", "Propose a reconciliation", Right.PROPOSE_RECONCILIATION),
    Place("reconciliation_upload", "Upload a statement", Right.RECONCILE),
    Place("confirmation_upload", "Upload confirmations", Right.CONFIRM),
)


@dataclass(frozen=True)
class Kind:
    """Records of one prefix: what one is called, its page, the right that the page asks, where it is stored."""

    title: str
    page: str
    right: Right
    model: type[Model]


KINDS = {
    ids.TRADE: Kind("Trade", "trade", Right.READ_TRADES, TradeState),
    ids.EXCEPTION: Kind("Exception", "exception", Right.READ_EXCEPTIONS, ExceptionItem),
    ids.BATCH: Kind("Batch", "batch", Right.READ_BATCHES, Batch),
    ids.INSTRUCTION: Kind("Instruction", "instruction", Right.READ_BATCHES, Instruction),
    ids.INVOICE: Kind("Invoice", "invoice", Right.READ_INVOICES, Invoice),
    ids.CONFIRMATION: Kind("Confirmation", "confirmation", Right.READ_CONFIRMATIONS, Confirmation),
    ids.RECONCILIATION_RUN: Kind(
        "Reconciliation run", "reconciliation_run", Right.READ_RECONCILIATIONS, ReconciliationRun
    ),
    ids.BREAK: Kind("Break", "break", Right.READ_RECONCILIATIONS, Break),
    ids.BACK_TEST: Kind("Back-test", "back_test", Right.READ_CHECKS, BackTest),
}


@dataclass(frozen=True)
class Named:
    """A well-formed reference of ours. Whether there is such a record is another question: `exists`."""

    kind: Kind
    number: int
    reference: str

    @property
    def url(self) -> str:
        """Return the address of the record's page."""
        return reverse(self.kind.page, args=[self.reference])

    def exists(self) -> bool:
        """Tell whether there is such a record."""
        return self.kind.model._default_manager.filter(pk=self.number).exists()


@dataclass(frozen=True)
class Found:
    """A record that the palette offers."""

    title: str
    reference: str
    url: str


def named(text: str) -> Named | None:
    """Read a reference of ours, in whatever case; None for any other text."""
    for prefix, kind in KINDS.items():
        number = ids.database_id(prefix, text)
        if number is not None:
            return Named(kind, number, ids.public_id(prefix, number))
    return None


def records(text: str, *, user: User | AnonymousUser) -> list[Found]:
    """Return the records that a text names and the user may see, and last the blotter narrowed to it.

    Nothing for no text. A front office's reference names at most TRADES_OFFERED trades, the newest first.
    """
    return list(_records(text, user)) if text else []


def _records(text: str, user: User | AnonymousUser) -> Iterator[Found]:
    ours = named(text)
    if ours is not None:
        if may(user, ours.kind.right) and ours.exists():
            yield Found(ours.kind.title, ours.reference, ours.url)
        return
    for number in blotter.find_reference(text)[:TRADES_OFFERED]:
        reference = ids.public_id(ids.TRADE, number)
        yield Found("Trade", f"{reference} · {text}", reverse("trade", args=[reference]))
    yield Found("Look in the blotter for", text, f"{reverse('blotter')}?{urlencode({'q': text})}")

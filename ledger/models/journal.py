"""The sub-ledger: journal entries with their postings, and how far each entity's books are closed."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from core.models import TransactionId
from ledger.accounts import CHART


class Source(models.TextChoices):
    """What a journal entry comes from."""

    TRADE = "T", "trade"
    ACTION = "A", "corporate action"
    RUN = "P", "profit run"


class JournalEntry(models.Model):
    """What one rule makes of one trade version, of one corporate action in a book, or of what a run of the daily profit
    says a book is worth, in one currency. Never changed.

    effective_date: the day it is about. posting_date: the day it is booked on, which is later where the books of the
    first were closed by then. turn: the how-manieth under its key, as what was reversed may come back. reverses: the
    entry that it takes back, line by line.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.TextField(choices=Source.choices)
    source_id = models.BigIntegerField()
    version = models.IntegerField()
    rule = models.TextField()
    rule_version = models.IntegerField()
    entity_id = models.BigIntegerField()
    book_id = models.BigIntegerField()
    currency = models.TextField()
    effective_date = models.DateField()
    posting_date = models.DateField()
    turn = models.IntegerField()
    reverses = models.BigIntegerField(null=True, unique=True)
    recorded_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "ledger_journal"
        verbose_name_plural = "journal entries"
        indexes = [
            models.Index(
                fields=["entity_id", "currency", "posting_date", "id"], name="ledger_journal_entity"
            ),
            models.Index(fields=["xid", "id"], name="ledger_journal_order"),
            models.Index(fields=["entity_id", "posting_date", "id"], name="ledger_journal_hand_off"),
            BrinIndex(fields=["recorded_at"], name="ledger_journal_recorded", pages_per_range=32),
        ]
        constraints = [
            # The entries of a trade are found by it too.
            models.UniqueConstraint(
                fields=[
                    "source_id",
                    "source",
                    "rule",
                    "entity_id",
                    "book_id",
                    "currency",
                    "effective_date",
                    "turn",
                ],
                condition=Q(reverses__isnull=True),
                name="ledger_journal_once",
            ),
            models.CheckConstraint(
                condition=Q(posting_date__gte=models.F("effective_date")), name="ledger_journal_dates"
            ),
        ]


class Posting(models.Model):
    """A line of a journal entry, in its currency: a debit or a credit, the other being 0. Never changed.

    instrument_id: 0 where the account is of no instrument. leg: of the trade. price: as the trade version has it.
    lot_trade_id, lot_leg: the lot that was closed.
    """

    id = models.BigAutoField(primary_key=True)
    entry_id = models.BigIntegerField()
    account = models.TextField(choices=[(each.code.value, each.name) for each in CHART])
    instrument_id = models.BigIntegerField()
    leg = models.IntegerField()
    debit = models.DecimalField(max_digits=38, decimal_places=10)
    credit = models.DecimalField(max_digits=38, decimal_places=10)
    price = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    lot_trade_id = models.BigIntegerField(null=True)
    lot_leg = models.IntegerField(null=True)

    class Meta:
        db_table = "ledger_posting"
        indexes = [models.Index(fields=["entry_id", "id"], name="ledger_posting_entry")]
        constraints = [
            models.CheckConstraint(
                condition=Q(debit__gt=0, credit=0) | Q(debit=0, credit__gt=0), name="ledger_posting_side"
            ),
            models.CheckConstraint(
                condition=Q(account__in=[each.code.value for each in CHART]), name="ledger_posting_account"
            ),
        ]


class JournalDue(models.Model):
    """A trade or corporate action whose positions or lots have changed since it was last posted, or a run of the daily
    profit that was told, or has a neighbour that was."""

    id = models.BigAutoField(primary_key=True)
    source = models.TextField(choices=Source.choices)
    source_id = models.BigIntegerField()

    class Meta:
        db_table = "ledger_journal_due"


class JournalMark(models.Model):
    """The one row whose lock lets one post, or close a period, at a time."""

    one = models.BooleanField(primary_key=True, default=True)

    class Meta:
        db_table = "ledger_journal_mark"
        constraints = [models.CheckConstraint(condition=Q(one=True), name="ledger_journal_mark_one")]


class PeriodClosing(models.Model):
    """The books of an entity are closed up to and with a day, as two people have said. The latest closing holds."""

    id = models.BigAutoField(primary_key=True)
    entity_id = models.BigIntegerField()
    closed_through = models.DateField()
    proposal_id = models.BigIntegerField(unique=True)
    approved_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_period_closing"
        constraints = [
            models.UniqueConstraint(fields=["entity_id", "closed_through"], name="ledger_period_closing_once")
        ]


class HandOff(models.Model):
    """How far the journal of an entity is sealed for the general ledger: up to an entry, in the order of days and ids.

    One row for each batch, never changed; the latest holds. entry_count: of the entries sealed with it.
    """

    id = models.BigAutoField(primary_key=True)
    entity_id = models.BigIntegerField()
    closed_through = models.DateField(help_text="the closing that it is of")
    posting_date = models.DateField()
    entry_id = models.BigIntegerField()
    entry_count = models.IntegerField()
    batch_id = models.BigIntegerField(unique=True)
    sealed_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_hand_off"
        indexes = [models.Index(fields=["entity_id", "id"], name="ledger_hand_off_entity")]

"""Positions and lots: what the trades add up to, and where each figure comes from."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import Q

from core.models import TransactionId
from ledger.lots import Kind, Method, Rank


class Basis(models.TextChoices):
    """Since when a quantity counts: since it was dealt in, or since it has settled."""

    TRADED = "TRADED", "traded"
    SETTLED = "SETTLED", "settled"


class PositionEntry(models.Model):
    """What one leg of a trade version, or one corporate action, adds to a position. Never changed; reversed instead.

    `instrument_id` is 0 for cash, `counterparty_id` 0 where there is none. `amount` is what the quantity is worth in
    `currency` before `fees`, 0 of cash. `effective_date` is the trade date or the settlement date, by the basis;
    `settles_on` the settlement date in either case, `moment` when it was dealt on its day. `recorded_at`: when the
    ledger knew it.
    """

    id = models.BigAutoField(primary_key=True)
    trade_id = models.BigIntegerField(null=True)
    version = models.IntegerField()
    leg = models.IntegerField(default=0)
    action_id = models.BigIntegerField(null=True)
    basis = models.TextField(choices=Basis.choices)
    book_id = models.BigIntegerField()
    instrument_id = models.BigIntegerField()
    currency = models.TextField()
    counterparty_id = models.BigIntegerField()
    quantity = models.DecimalField(max_digits=28, decimal_places=10)
    amount = models.DecimalField(max_digits=28, decimal_places=4)
    fees = models.DecimalField(max_digits=28, decimal_places=4)
    effective_date = models.DateField()
    settles_on = models.DateField()
    moment = models.DateTimeField()
    reverses = models.BigIntegerField(null=True, unique=True)
    recorded_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "ledger_position_entry"
        indexes = [
            models.Index(fields=["trade_id", "id"], name="ledger_entry_trade"),
            models.Index(
                fields=["book_id", "instrument_id", "currency", "effective_date", "id"],
                name="ledger_entry_position",
            ),
            # What is bought and sold from a place on, however long a position has been dealt in.
            models.Index(
                fields=["book_id", "instrument_id", "effective_date", "id"],
                condition=Q(basis="TRADED", reverses__isnull=True, trade_id__isnull=False)
                & ~Q(instrument_id=0),
                name="ledger_entry_fills",
            ),
            models.Index(
                fields=["action_id", "book_id"],
                condition=Q(action_id__isnull=False),
                name="ledger_entry_action",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(trade_id__isnull=True, action_id__isnull=False)
                | Q(trade_id__isnull=False, action_id__isnull=True),
                name="ledger_entry_source",
            )
        ]


class Position(models.Model):
    """The running totals of a book in an instrument (0: cash) and currency with a counterparty (0: none)."""

    pk = models.CompositePrimaryKey("book_id", "instrument_id", "currency", "counterparty_id")
    book_id = models.BigIntegerField()
    instrument_id = models.BigIntegerField()
    currency = models.TextField()
    counterparty_id = models.BigIntegerField()
    traded = models.DecimalField(max_digits=38, decimal_places=10)
    settled = models.DecimalField(max_digits=38, decimal_places=10)

    class Meta:
        db_table = "ledger_position"
        indexes = [models.Index(fields=["instrument_id", "book_id"], name="ledger_position_instrument")]


class PositionMark(models.Model):
    """How far positions have followed the trades: the one row whose lock lets one follow them at a time.

    `paid_to`: the day up to which what corporate actions pay has been entered as settled.
    """

    one = models.BooleanField(primary_key=True, default=True)
    xid = models.BigIntegerField(default=0)
    trade_id = models.BigIntegerField(default=0)
    paid_to = models.DateField(db_default=date(1970, 1, 1))

    class Meta:
        db_table = "ledger_position_mark"
        constraints = [models.CheckConstraint(condition=Q(one=True), name="ledger_position_mark_one")]


class PositionDue(models.Model):
    """A position whose lots and corporate actions must be told again from their beginning."""

    pk = models.CompositePrimaryKey("book_id", "instrument_id")
    book_id = models.BigIntegerField()
    instrument_id = models.BigIntegerField()

    class Meta:
        db_table = "ledger_position_due"


class Lot(models.Model):
    """An open lot: what is left of what a trade version opened. With `lot_trade_id` 0: what was refused.

    Always the sum of the lot's movements.
    """

    pk = models.CompositePrimaryKey("book_id", "instrument_id", "currency", "lot_trade_id", "lot_leg")
    book_id = models.BigIntegerField()
    instrument_id = models.BigIntegerField()
    currency = models.TextField()
    lot_trade_id = models.BigIntegerField()
    lot_leg = models.IntegerField()
    lot_version = models.IntegerField()
    lot_day = models.DateField()
    lot_moment = models.DateTimeField()
    quantity = models.DecimalField(max_digits=38, decimal_places=10)
    cost = models.DecimalField(max_digits=38, decimal_places=4)

    class Meta:
        db_table = "ledger_lot"


class LotMovement(models.Model):
    """What a trade version, or a corporate action (`rank`), did to a lot.

    Told again from its place on when the past changes. quantity, cost: by how much the lot's changed; value: what was
    paid for it (below zero: received); gain: realised.
    """

    id = models.BigAutoField(primary_key=True)
    book_id = models.BigIntegerField()
    instrument_id = models.BigIntegerField()
    currency = models.TextField()
    day = models.DateField()
    rank = models.TextField(choices=[(each.value, each.name) for each in Rank])
    moment = models.DateTimeField()
    source_id = models.BigIntegerField()
    leg = models.IntegerField()
    version = models.IntegerField()
    kind = models.TextField(choices=[(each.value, each.name) for each in Kind])
    lot_trade_id = models.BigIntegerField()
    lot_leg = models.IntegerField()
    lot_version = models.IntegerField()
    lot_day = models.DateField()
    lot_moment = models.DateTimeField()
    quantity = models.DecimalField(max_digits=38, decimal_places=10)
    cost = models.DecimalField(max_digits=38, decimal_places=4)
    value = models.DecimalField(max_digits=38, decimal_places=4)
    gain = models.DecimalField(max_digits=38, decimal_places=4)

    class Meta:
        db_table = "ledger_lot_movement"
        indexes = [
            models.Index(
                fields=["book_id", "instrument_id", "day", "rank", "moment", "source_id", "leg", "id"],
                name="ledger_lot_movement_place",
            ),
            models.Index(fields=["lot_trade_id", "id"], name="ledger_lot_movement_lot"),
            models.Index(fields=["source_id", "id"], name="ledger_lot_movement_source"),
        ]


class LotsTold(models.Model):
    """When the lots of a position were last told again from a day on: by which transaction.

    `day`: 1970-01-01 where they were told from their beginning.
    """

    pk = models.CompositePrimaryKey("book_id", "instrument_id", "day")
    book_id = models.BigIntegerField()
    instrument_id = models.BigIntegerField()
    day = models.DateField()
    xid = models.BigIntegerField()

    class Meta:
        db_table = "ledger_lots_told"
        indexes = [models.Index(fields=["xid"], name="ledger_lots_told_xid")]


class LotPolicy(models.Model):
    """How a book counts its lots for trades from a day on, as two people have set it. The latest version holds."""

    id = models.BigAutoField(primary_key=True)
    book_id = models.BigIntegerField()
    version = models.IntegerField()
    valid_from = models.DateField()
    method = models.TextField(choices=[(each.value, each.value) for each in Method])
    opens_short = models.BooleanField(
        help_text="what is sold beyond what is held opens a short; else it is refused"
    )
    with_fees = models.BooleanField(help_text="fees are part of what a lot costs")
    proposal_id = models.BigIntegerField(unique=True)
    approved_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_lot_policy"
        verbose_name_plural = "lot policies"
        constraints = [
            models.UniqueConstraint(fields=["book_id", "version"], name="ledger_lot_policy_version")
        ]

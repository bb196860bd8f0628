"""Limits, how much of them is used and reserved, and stops."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class Limit(models.Model):
    """A bound on a measure over a scope.

    `dimensions` name what the measure is kept by (`["counterparty"]`: one figure for each counterparty);
    `members` narrows to certain codes in the order of the dimensions (empty: all of them).
    `warn`, `hard` and `floor` are in `currency` (empty: the base currency), or in the measure's own unit.
    """

    id = models.BigAutoField(primary_key=True)
    code = models.TextField(unique=True)
    name = models.TextField()
    measure = models.TextField()
    dimensions = ArrayField(models.TextField())
    members = ArrayField(models.TextField(), default=list, blank=True)
    currency = models.TextField(blank=True, default="", help_text="ISO 4217; empty: the base currency")
    warn = models.DecimalField(max_digits=28, decimal_places=2, null=True, blank=True)
    hard = models.DecimalField(max_digits=28, decimal_places=2)
    floor = models.DecimalField(
        max_digits=28, decimal_places=2, default=0, help_text="of a share: the total up to which it is silent"
    )
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    approver_role = models.TextField(
        blank=True, default="", help_text="who approves a temporary excess; empty: whoever approves excesses"
    )
    excess_max = models.DecimalField(
        max_digits=28, decimal_places=2, null=True, blank=True,
        help_text="the most that may be approved on top of hard; empty: nothing",
    )  # fmt: skip
    excess_hours = models.IntegerField(
        null=True, blank=True, help_text="the longest that a temporary excess may last"
    )
    stale = models.BooleanField(
        default=True,
        help_text="its figures must be told again from the trades: it, or what places them, changed",
    )

    class Meta:
        db_table = "risk_limit"
        constraints = [
            models.CheckConstraint(
                condition=Q(warn__isnull=True) | Q(warn__lte=F("hard")),
                name="risk_limit_warn_below_hard",
            )
        ]

    def __str__(self) -> str:
        return self.code


class Utilisation(models.Model):
    """How much of a limit one member of its scope uses now, and how much reservations hold: money in base currency.

    held_up, held_down: for uses that count up and, of a signed measure, for those that count down.
    """

    id = models.BigAutoField(primary_key=True)
    limit = models.ForeignKey(Limit, on_delete=models.PROTECT, related_name="utilisations")
    key = models.TextField(help_text="the member: ids or names of the dimensions, joined by `|`")
    used = models.DecimalField(max_digits=28, decimal_places=4, default=0)
    held_up = models.DecimalField(max_digits=28, decimal_places=4, default=0, db_default=0)
    held_down = models.DecimalField(max_digits=28, decimal_places=4, default=0, db_default=0)

    class Meta:
        db_table = "risk_utilisation"
        constraints = [
            models.UniqueConstraint(fields=["limit", "key"], name="risk_utilisation_member"),
            models.CheckConstraint(
                condition=Q(held_up__gte=0) & Q(held_down__gte=0), name="risk_utilisation_held"
            ),
        ]


class TemporaryExcess(models.Model):
    """How much more than its hard mark a member of a limit may use for a while, approved by two people."""

    id = models.BigAutoField(primary_key=True)
    limit_id = models.BigIntegerField()
    key = models.TextField()
    amount = models.DecimalField(
        max_digits=28, decimal_places=2, help_text="in the unit of the limit's marks"
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    proposal_id = models.BigIntegerField(unique=True)

    class Meta:
        db_table = "risk_temporary_excess"
        indexes = [models.Index(fields=["limit_id", "valid_until"], name="risk_temporary_excess_limit")]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0) & Q(valid_from__lt=F("valid_until")),
                name="risk_temporary_excess_sane",
            )
        ]


class Reservation(models.Model):
    """Room under the limits, held for a deal that is not done yet.

    trade_id: the deal that has drawn it; terms: the message it was asked with.
    """

    class State(models.TextChoices):
        HELD = "HELD", "held"
        DRAWN = "DRAWN", "drawn by its trade"
        RELEASED = "RELEASED", "released"
        EXPIRED = "EXPIRED", "expired"

    id = models.BigAutoField(primary_key=True)
    client_id = models.BigIntegerField()
    source = models.TextField()
    terms = models.JSONField()
    state = models.TextField(choices=State.choices, default=State.HELD)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    trade_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "risk_reservation"
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(state="HELD"), name="risk_reservation_held"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="HELD", ended_at__isnull=True)
                | (~Q(state="HELD") & Q(ended_at__isnull=False)),
                name="risk_reservation_ended",
            ),
            models.CheckConstraint(
                condition=Q(state="DRAWN", trade_id__isnull=False)
                | (~Q(state="DRAWN") & Q(trade_id__isnull=True)),
                name="risk_reservation_drawn",
            ),
        ]


class ReservedUse(models.Model):
    """How much a reservation holds of one member of a limit. Never changed: it counts while the reservation is held."""

    id = models.BigAutoField(primary_key=True)
    reservation_id = models.BigIntegerField()
    limit_id = models.BigIntegerField()
    key = models.TextField()
    up = models.DecimalField(max_digits=28, decimal_places=4)
    down = models.DecimalField(max_digits=28, decimal_places=4)

    class Meta:
        db_table = "risk_reserved_use"
        constraints = [
            models.UniqueConstraint(
                fields=["reservation_id", "limit_id", "key"], name="risk_reserved_use_member"
            )
        ]


class Stop(models.Model):
    """A block of one party, trader, book, instrument or source: what concerns it is held until two people lift it."""

    class Kind(models.TextChoices):
        PARTY = "PARTY", "party"
        TRADER = "TRADER", "trader"
        BOOK = "BOOK", "book"
        INSTRUMENT = "INSTRUMENT", "instrument"
        SOURCE = "SOURCE", "source"

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField(choices=Kind.choices)
    key = models.TextField(help_text="its code")
    reason = models.TextField()
    made_by = models.TextField()
    made_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "risk_stop"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "key"], condition=Q(lifted_at__isnull=True), name="risk_stop_in_force"
            )
        ]


class WrongFigure(models.Model):
    """A running figure that the trades did not add up to: work for somebody until it is closed with a note.

    It was put right when it was found; what is open is the question why.
    """

    id = models.BigAutoField(primary_key=True)
    limit_id = models.BigIntegerField()
    key = models.TextField()
    running = models.DecimalField(max_digits=28, decimal_places=4)
    recomputed = models.DecimalField(max_digits=28, decimal_places=4)
    found_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.TextField(default="")
    note = models.TextField(default="")

    class Meta:
        db_table = "risk_wrong_figure"
        indexes = [
            models.Index(
                fields=["found_at"], condition=Q(closed_at__isnull=True), name="risk_wrong_figure_open"
            )
        ]

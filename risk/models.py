"""Limits, how much of them is used and reserved, and stops; how checks are set."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from core.models import Proposal


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


class UseSample(models.Model):
    """The most that a member of a limit used in an hour, and its hard mark: of the fullest members, for a week."""

    pk = models.CompositePrimaryKey("limit_id", "key", "hour")
    limit_id = models.BigIntegerField()
    key = models.TextField()
    hour = models.DateTimeField()
    figure = models.DecimalField(max_digits=28, decimal_places=4)
    hard = models.DecimalField(max_digits=28, decimal_places=4)

    class Meta:
        db_table = "risk_use_sample"


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


class RegisteredCheck(models.Model):
    """A check that somebody has proposed to set otherwise than it declares: what its versions and locks go by."""

    id = models.BigAutoField(primary_key=True)
    code = models.TextField(unique=True)

    class Meta:
        db_table = "risk_check"


class CheckParameters(models.Model):
    """One version of how a check is set, made by an approved proposal. Never changed (trigger).

    In force on a day is the newest version whose `valid_from` has come; without one, version 0: the declaration.
    """

    id = models.BigAutoField(primary_key=True)
    check_of = models.ForeignKey(
        RegisteredCheck, on_delete=models.PROTECT, related_name="versions", db_column="check_id"
    )
    version = models.IntegerField()
    valid_from = models.DateField()
    is_active = models.BooleanField()
    severity = models.TextField()
    parameters = models.JSONField(help_text="numbers as text, by name")
    scope = models.JSONField(
        help_text="members by dimension: the check looks at trades of all of them; {}: at every"
    )
    proposal = models.OneToOneField(Proposal, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField()

    class Meta:
        db_table = "risk_check_parameters"
        constraints = [
            models.UniqueConstraint(fields=["check_of", "version"], name="risk_check_parameters_version"),
            models.CheckConstraint(condition=Q(version__gte=1), name="risk_check_parameters_from_one"),
            models.CheckConstraint(
                condition=Q(severity__in=["BLOCK", "WARN", "INFO"]), name="risk_check_parameters_severity"
            ),
        ]


class SizeHistory(models.Model):
    """How large the trades of a trader or a book in a product have been lately.

    `scope` is TRADER or BOOK, `key` its name or code. `mean` is that of the natural logarithms of sizes in base
    currency, since sizes scatter by factors; `spread` the root of the mean square by which those above it exceed it.
    `trades` is how many it rests on, capped, so that the old fade.
    """

    pk = models.CompositePrimaryKey("scope", "key", "product")
    scope = models.TextField()
    key = models.TextField()
    product = models.TextField()
    trades = models.IntegerField()
    mean = models.DecimalField(max_digits=12, decimal_places=6)
    spread = models.DecimalField(max_digits=12, decimal_places=6)

    class Meta:
        db_table = "risk_size_history"


class SizeMark(models.Model):
    """The last trade that the history of sizes has looked at: one row."""

    one = models.BooleanField(primary_key=True, default=True)
    trade_id = models.BigIntegerField(default=0)

    class Meta:
        db_table = "risk_size_mark"
        constraints = [models.CheckConstraint(condition=Q(one=True), name="risk_size_mark_one")]


class BackTest(models.Model):
    """What a check, set otherwise, would have said of the trades captured in some days: asked, counted, done.

    `before` and `after` are settings as JSON (risk/services/parameters.py). It looks at trades from `first_id` to
    `until_id` and has looked at those up to `position_id`. Amounts are in base currency, of trades that have one.
    """

    class State(models.TextChoices):
        WAITING = "WAITING"
        RUNNING = "RUNNING"
        DONE = "DONE"
        CANCELLED = "CANCELLED"
        FAILED = "FAILED"

    id = models.BigAutoField(primary_key=True)
    code = models.TextField()
    version = models.IntegerField(help_text="the version in force when it was asked for")
    before = models.JSONField()
    after = models.JSONField()
    proposal = models.ForeignKey(Proposal, on_delete=models.PROTECT, null=True, related_name="+")
    days = models.IntegerField()
    since = models.DateTimeField()
    asked_by = models.TextField()
    asked_at = models.DateTimeField()
    state = models.TextField(choices=State.choices, default=State.WAITING)
    finished_at = models.DateTimeField(null=True)
    first_id = models.BigIntegerField(default=0)
    until_id = models.BigIntegerField(default=0)
    position_id = models.BigIntegerField(default=0)
    looked_at = models.BigIntegerField(default=0)
    changed = models.BigIntegerField(default=0, help_text="trades of another outcome")
    unmeasured = models.BigIntegerField(
        default=0, help_text="trades of another outcome without a base amount"
    )
    failing = models.BigIntegerField(default=0)
    failing_amount = models.DecimalField(max_digits=30, decimal_places=4, default=0)
    passing = models.BigIntegerField(default=0)
    passing_amount = models.DecimalField(max_digits=30, decimal_places=4, default=0)
    held = models.BigIntegerField(default=0)
    held_amount = models.DecimalField(max_digits=30, decimal_places=4, default=0)
    freed = models.BigIntegerField(default=0)
    freed_amount = models.DecimalField(max_digits=30, decimal_places=4, default=0)
    straight_before = models.BigIntegerField(default=0)
    straight_after = models.BigIntegerField(default=0)

    class Meta:
        db_table = "risk_back_test"
        indexes = [models.Index(fields=["code", "-id"], name="risk_back_test_code")]
        constraints = [
            models.CheckConstraint(condition=Q(days__gte=1), name="risk_back_test_days"),
            models.CheckConstraint(
                condition=Q(state__in=["WAITING", "RUNNING"]) ^ Q(finished_at__isnull=False),
                name="risk_back_test_finished",
            ),
        ]


class BackTestTrade(models.Model):
    """A trade version of which the check would say something else: PASS or a severity, before and after."""

    pk = models.CompositePrimaryKey("back_test_id", "trade_id")
    back_test = models.ForeignKey(BackTest, on_delete=models.CASCADE, related_name="trades", db_index=False)
    trade_id = models.BigIntegerField()
    version = models.IntegerField()
    before = models.TextField()
    after = models.TextField()
    message = models.TextField()
    base_amount = models.DecimalField(max_digits=28, decimal_places=4, null=True)

    class Meta:
        db_table = "risk_back_test_trade"


class WrongFigure(models.Model):
    """A running figure that the trades did not add up to, and was put right. Never changed.

    Why it was wrong is a work item of the limit's member, open until somebody says it (risk/work_kinds.py).
    """

    id = models.BigAutoField(primary_key=True)
    limit_id = models.BigIntegerField()
    key = models.TextField()
    running = models.DecimalField(max_digits=28, decimal_places=4)
    recomputed = models.DecimalField(max_digits=28, decimal_places=4)
    found_at = models.DateTimeField()

    class Meta:
        db_table = "risk_wrong_figure"
        indexes = [models.Index(fields=["limit_id", "key", "id"], name="risk_wrong_figure_member")]

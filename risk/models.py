"""Limits and how much of them is used; how checks are set."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from core.models import Proposal


class Limit(models.Model):
    """A bound on a measure over a scope.

    `dimensions` name what the measure is kept by (`["counterparty"]`: one figure for each counterparty);
    `members` narrows to certain codes in the order of the dimensions (empty: all of them).
    `warn` and `hard` are in the base currency.
    """

    id = models.BigAutoField(primary_key=True)
    code = models.TextField(unique=True)
    name = models.TextField()
    measure = models.TextField()
    dimensions = ArrayField(models.TextField())
    members = ArrayField(models.TextField(), default=list, blank=True)
    warn = models.DecimalField(max_digits=28, decimal_places=2, null=True, blank=True)
    hard = models.DecimalField(max_digits=28, decimal_places=2)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

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
    """How much of a limit one member of its scope uses now, in base currency."""

    id = models.BigAutoField(primary_key=True)
    limit = models.ForeignKey(Limit, on_delete=models.PROTECT, related_name="utilisations")
    key = models.TextField(help_text="the member: ids or names of the dimensions, joined by `|`")
    used = models.DecimalField(max_digits=28, decimal_places=4, default=0)

    class Meta:
        db_table = "risk_utilisation"
        constraints = [models.UniqueConstraint(fields=["limit", "key"], name="risk_utilisation_member")]


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

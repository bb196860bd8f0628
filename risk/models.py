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

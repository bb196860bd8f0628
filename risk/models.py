"""Limits and how much of them is used."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


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

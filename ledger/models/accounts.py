"""What the accounts of the journal are called in the general ledger of an entity."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from core.models import TransactionId
from ledger.accounts import CHART


class AccountName(models.Model):
    """The number and the name of an account in the general ledger of an entity, as two people have set them.

    The latest version holds. An account without one has its name of the chart, and no number.
    """

    id = models.BigAutoField(primary_key=True)
    entity_id = models.BigIntegerField()
    account = models.TextField(choices=[(each.code.value, each.name) for each in CHART])
    version = models.IntegerField()
    number = models.TextField(help_text="in the general ledger")
    name = models.TextField()
    proposal_id = models.BigIntegerField()
    approved_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "ledger_account_name"
        constraints = [
            models.UniqueConstraint(
                fields=["entity_id", "account", "version"], name="ledger_account_name_version"
            ),
            models.CheckConstraint(
                condition=Q(account__in=[each.code.value for each in CHART]),
                name="ledger_account_name_account",
            ),
        ]


class AccountTotal(models.Model):
    """What an account of an entity and currency has booked on a day or in a month. Kept by trigger as lines are posted.

    postings: how many lines are in it. Months are there so that a balance takes as long however old the journal is.
    """

    class Span(models.TextChoices):
        DAY = "D", "day"
        MONTH = "M", "month"

    pk = models.CompositePrimaryKey("entity_id", "currency", "account", "span", "starts_on")
    entity_id = models.BigIntegerField()
    currency = models.TextField()
    account = models.TextField()
    span = models.TextField(choices=Span)
    starts_on = models.DateField()
    debit = models.DecimalField(max_digits=48, decimal_places=10)
    credit = models.DecimalField(max_digits=48, decimal_places=10)
    postings = models.BigIntegerField()

    class Meta:
        db_table = "ledger_account_total"

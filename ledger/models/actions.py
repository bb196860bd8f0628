"""Corporate actions: what an issuer does with its securities, as versions made by two people."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from ledger.actions import Type


class CorporateAction(models.Model):
    """A corporate action by its official reference (ISO 15022 COAF). Given when somebody first proposes it."""

    id = models.BigAutoField(primary_key=True)
    reference = models.TextField(unique=True)

    class Meta:
        db_table = "ledger_corporate_action"

    def __str__(self) -> str:
        return self.reference


class CorporateActionVersion(models.Model):
    """What an action is, as two people have said; the latest version holds. Never changed.

    rate: an amount of `currency` a unit, or per cent of nominal where the instrument is priced so. A split gives
    `new_quantity` units in the place of `old_quantity` ones.
    """

    id = models.BigAutoField(primary_key=True)
    action = models.ForeignKey(CorporateAction, on_delete=models.PROTECT, related_name="versions")
    version = models.IntegerField()
    type = models.TextField(choices=[(each.value, each.name) for each in Type], help_text="ISO 15022 CAEV")
    instrument_id = models.BigIntegerField()
    ex_date = models.DateField()
    record_date = models.DateField()
    pay_date = models.DateField()
    currency = models.TextField(default="", help_text="ISO 4217; empty for a split")
    rate = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    new_quantity = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    old_quantity = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    is_cancelled = models.BooleanField(default=False)
    proposal_id = models.BigIntegerField(unique=True)
    approved_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_corporate_action_version"
        indexes = [
            models.Index(fields=["instrument_id", "action"], name="ledger_action_instrument"),
            models.Index(fields=["pay_date"], name="ledger_action_pay_date"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["action", "version"], name="ledger_action_version"),
            models.CheckConstraint(
                condition=Q(type=Type.SPLF.value, new_quantity__gt=0, old_quantity__gt=0)
                | (~Q(type=Type.SPLF.value) & Q(rate__gt=0) & ~Q(currency="")),
                name="ledger_action_terms",
            ),
        ]

"""The record of a trade: insert-only terms, a narrow row of state beside them, and what was found of it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q

from core.models import TransactionId


class TradeVersion(models.Model):
    """The terms of a trade as known in one interval: from `recorded_at` until the next version's.

    Never updated or deleted (trigger). `*_ref` is what the front office sent, `*_id` what it was resolved to.
    `quantity` and `currency` are the bought side of a foreign exchange deal, `contra_*` its sold side.
    `gross_amount` is quantity × price, `net_amount` what is paid for it, after fees and taxes.
    """

    pk = models.CompositePrimaryKey("trade_id", "version")
    trade_id = models.BigIntegerField()
    version = models.IntegerField()
    recorded_at = models.DateTimeField()
    effective_at = models.DateTimeField()
    cause = models.TextField()
    product = models.TextField()
    source = models.TextField()
    source_ref = models.TextField()
    source_version = models.IntegerField(null=True)
    side = models.TextField()
    instrument_ref = models.TextField(null=True)
    instrument_id = models.BigIntegerField(null=True)
    counterparty_ref = models.TextField()
    counterparty_id = models.BigIntegerField(null=True)
    book_ref = models.TextField()
    book_id = models.BigIntegerField(null=True)
    trader = models.TextField()
    quantity = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    price = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    currency = models.TextField()
    gross_amount = models.DecimalField(max_digits=28, decimal_places=4)
    net_amount = models.DecimalField(max_digits=28, decimal_places=4)
    contra_currency = models.TextField(null=True)
    contra_amount = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    base_amount = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    trade_date = models.DateField()
    settlement_date = models.DateField()
    executed_at = models.DateTimeField(null=True)
    duplicate_key = models.IntegerField()
    fees = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    terms = models.JSONField(null=True, encoder=DjangoJSONEncoder)

    class Meta:
        db_table = "trades_version"
        indexes = [
            models.Index(
                fields=["trade_date", "duplicate_key", "trade_id"], name="trades_version_duplicates"
            ),
            models.Index(fields=["counterparty_id", "trade_id"], name="trades_version_party"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "source_ref"],
                condition=Q(version=1),
                name="trades_version_source_ref",
            )
        ]


class TradeState(models.Model):
    """Where a trade stands now. Only `lifecycle.move_trades()` and the services that add a version write it.

    `version` is the current one; `checked_version` the one whose exposure the limits carry (null: no check has
    seen the trade, 0: it was held because none could).
    `changed_xid` orders readers that must not skip a late commit.
    """

    trade_id = models.BigIntegerField(primary_key=True)
    version = models.IntegerField()
    checked_version = models.IntegerField(null=True)
    state = models.SmallIntegerField()
    changed_at = models.DateTimeField()
    changed_xid = models.BigIntegerField()

    class Meta:
        db_table = "trades_state"
        indexes = [
            models.Index(fields=["state", "trade_id"], name="trades_state_state"),
            models.Index(fields=["changed_xid", "trade_id"], name="trades_state_changed"),
        ]


class ChangeMessage(models.Model):
    """What a front office sent to amend or cancel a deal, under its own count of versions. Never changed.

    It may come before the deal itself. `changes`: a JSON merge patch (RFC 7396) of the message; null: a cancellation.
    """

    id = models.BigAutoField(primary_key=True)
    source = models.TextField()
    source_ref = models.TextField()
    source_version = models.IntegerField()
    kind = models.TextField(help_text="AMEND or CANCEL")
    changes = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    reason = models.TextField()
    effective_at = models.DateTimeField(null=True)
    actor = models.TextField()
    received_at = models.DateTimeField()

    class Meta:
        db_table = "trades_change_message"
        constraints = [
            models.UniqueConstraint(
                fields=["source", "source_ref", "source_version"], name="trades_change_message_once"
            )
        ]


class EarlyChange(models.Model):
    """A change message whose deal has not come yet: deleted in the transaction that applies it."""

    message_id = models.BigIntegerField(primary_key=True)
    source = models.TextField()
    source_ref = models.TextField()

    class Meta:
        db_table = "trades_early_change"
        indexes = [models.Index(fields=["source", "source_ref"], name="trades_early_change_deal")]


class ChangePolicy(models.Model):
    """Which changes need two people: of a kind, from a state on, from an amount in base currency on.

    A trade whose amount in base currency is not known counts as above every amount.
    """

    class Kind(models.TextChoices):
        AMEND = "AMEND", "amendments"
        CANCEL = "CANCEL", "cancellations"
        ANY = "ANY", "both"

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField(choices=Kind.choices, default=Kind.ANY)
    states = ArrayField(models.SmallIntegerField(), default=list, help_text="empty: in every state")
    base_amount = models.DecimalField(
        max_digits=28, decimal_places=4, null=True, blank=True, help_text="from this on; empty: any amount"
    )

    class Meta:
        db_table = "trades_change_policy"
        verbose_name_plural = "change policies"


class Finding(models.Model):
    """What a check (or the back office) says of one trade version.

    Open until `closed_at`; `closing` says how: CLEARED by a later check, OVERRIDDEN by two people, or MOOT.
    `xid` and `closed_xid` (set by trigger) are the transactions that opened and closed it.
    `parameter_version` says how the check was set and `inputs` what it compared: values by name, and `parameters`.
    Both are null for what no check finds.
    """

    class Severity(models.TextChoices):
        BLOCK = "BLOCK"
        WARN = "WARN"
        INFO = "INFO"

    id = models.BigAutoField(primary_key=True)
    trade_id = models.BigIntegerField()
    version = models.IntegerField()
    code = models.TextField()
    severity = models.TextField(choices=Severity.choices)
    subject = models.TextField(default="", help_text="which field, line or limit")
    message = models.TextField()
    expected = models.TextField(default="")
    actual = models.TextField(default="")
    parameter_version = models.IntegerField(null=True)
    inputs = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    found_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closing = models.TextField(default="")
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    closed_xid = models.BigIntegerField(null=True, editable=False)

    class Meta:
        db_table = "trades_finding"
        indexes = [
            models.Index(fields=["trade_id", "id"], name="trades_finding_trade"),
            models.Index(fields=["found_at", "code"], name="trades_finding_found"),
        ]


class Override(models.Model):
    """A finding code that two people accepted for one trade version; a later version needs it anew."""

    id = models.BigAutoField(primary_key=True)
    trade_id = models.BigIntegerField()
    version = models.IntegerField()
    code = models.TextField()
    subject = models.TextField(default="")
    proposal_id = models.BigIntegerField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "trades_override"
        constraints = [
            models.UniqueConstraint(
                fields=["trade_id", "version", "code", "subject"], name="trades_override_once"
            )
        ]


class ExceptionItem(models.Model):
    """The work item that people see for a trade that is held: one open item per trade and kind."""

    class Kind(models.TextChoices):
        FINDING = "FINDING", "check findings"
        REJECTION = "REJECTION", "rejected by the back office"
        FAIL = "FAIL", "settlement failed"

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField(choices=Kind.choices)
    trade_id = models.BigIntegerField()
    codes = ArrayField(models.TextField(), default=list)
    summary = models.TextField()
    amount_at_risk = models.DecimalField(
        max_digits=28, decimal_places=4, null=True, help_text="in base currency"
    )
    deadline = models.DateTimeField(null=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="exceptions"
    )
    claimed_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.TextField(default="")
    resolution = models.TextField(default="")
    told_at = models.DateTimeField(null=True, editable=False, help_text="when it was told anew")
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    closed_xid = models.BigIntegerField(null=True, editable=False)

    class Meta:
        db_table = "trades_exception"
        indexes = [
            models.Index(
                fields=["deadline", "id"],
                condition=Q(closed_at__isnull=True),
                name="trades_exception_open",
            ),
            models.Index(fields=["closed_at"], name="trades_exception_closed"),
            models.Index(fields=["trade_id", "id"], name="trades_exception_trade"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["trade_id", "kind"],
                condition=Q(closed_at__isnull=True),
                name="trades_exception_one_open",
            )
        ]


class ExceptionBefore(models.Model):
    """What an open exception said until it was told anew. Append-only, written by trigger."""

    id = models.BigAutoField(primary_key=True)
    exception_id = models.BigIntegerField()
    until = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    codes = ArrayField(models.TextField())
    summary = models.TextField()
    amount_at_risk = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    deadline = models.DateTimeField(null=True)

    class Meta:
        db_table = "trades_exception_before"
        indexes = [models.Index(fields=["exception_id", "id"], name="trades_exception_before_item")]


class Comment(models.Model):
    """What somebody wrote on an exception. Never changed."""

    id = models.BigAutoField(primary_key=True)
    exception = models.ForeignKey(ExceptionItem, on_delete=models.PROTECT, related_name="comments")
    author = models.TextField()
    text = models.TextField()
    written_at = models.DateTimeField()

    class Meta:
        db_table = "trades_comment"

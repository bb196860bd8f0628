"""The record of a trade: insert-only terms, a narrow row of state beside them, and what was found of it."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q

from core.models import TransactionId
from trades.work_items import Move


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


class Drawdown(models.Model):
    """The reservation of limits that the message of a deal names: its checks draw it (0: no such id)."""

    trade_id = models.BigIntegerField(primary_key=True)
    reservation_id = models.BigIntegerField()

    class Meta:
        db_table = "trades_drawdown"


class TradeState(models.Model):
    """Where a trade stands now. Only `lifecycle.move_trades()` and the services that add a version write it.

    `version` is the current one; `checked_version` the one whose exposure the limits carry (null: no check has
    seen the trade, 0: it was held because none could).
    `changed_xid` orders readers that must not skip a late commit. `block_id`: the trade that this one is a part of.
    The parts of an allocated block that are not cancelled make it exactly (triggers).
    """

    trade_id = models.BigIntegerField(primary_key=True)
    version = models.IntegerField()
    checked_version = models.IntegerField(null=True)
    state = models.SmallIntegerField()
    changed_at = models.DateTimeField()
    changed_xid = models.BigIntegerField()
    block_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "trades_state"
        indexes = [
            models.Index(fields=["state", "trade_id"], name="trades_state_state"),
            models.Index(fields=["changed_xid", "trade_id"], name="trades_state_changed"),
            models.Index(
                fields=["block_id", "trade_id"],
                condition=Q(block_id__isnull=False),
                name="trades_state_block",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(block_id__isnull=True) | (Q(block_id__lt=F("trade_id")) & ~Q(state=9)),
                name="trades_state_part",
            )
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
    """A change message that came before its deal: deleted in the transaction that applies it, kept when none does."""

    class Outcome(models.TextChoices):
        WAITING = "", "waits"
        REFUSED = "REFUSED", "refused, for a person to see"
        DROPPED = "DROPPED", "came to nothing"

    message_id = models.BigIntegerField(primary_key=True)
    source = models.TextField()
    source_ref = models.TextField()
    outcome = models.TextField(choices=Outcome.choices, default="", db_default="")
    refusal = models.TextField(default="", db_default="")

    class Meta:
        db_table = "trades_early_change"
        indexes = [
            models.Index(fields=["source", "source_ref"], name="trades_early_change_deal"),
            models.Index(fields=["message_id"], condition=Q(outcome=""), name="trades_early_change_waiting"),
        ]


class ChangePolicy(models.Model):
    """Which changes need two people: of a kind, from a state on, from an amount in base currency on.

    The amount of a trade is the larger of what it is worth before the change and after. One that is not known counts as
    above every amount.
    """

    class Kind(models.TextChoices):
        AMEND = "AMEND", "amendments"
        CANCEL = "CANCEL", "cancellations"
        ALLOCATE = "ALLOCATE", "allocations"
        ANY = "ANY", "every change"

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
    `parameter_version` says how the check was set and `inputs` what it compared (values by name, and
    `parameters`); null for what no check finds.
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
    """The work item that people see: one open item per kind and per trade, or what else it hangs on (work_items.py).

    What it is about is named as in the log; `trade_id` is null where that is no trade.
    Closed, it opens again when a cause of it comes back; the closings before are kept by trigger.
    `causes` are the keys that like items share, `waits` the names of reference data that may end them.
    `move`: whose move it is. `root_cause`: what a person found to be behind it.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField()
    trade_id = models.BigIntegerField(null=True)
    subject = models.TextField(db_default="trade")
    subject_id = models.BigIntegerField()
    member = models.TextField(db_default="", help_text="which of the subject's members, if it has any")
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
    move = models.TextField(choices=Move.choices, db_default=Move.OPERATIONS.value)
    causes = ArrayField(models.TextField(), default=list)
    waits = ArrayField(models.TextField(), default=list)
    root_cause = models.TextField(db_default="")
    team = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, related_name="exceptions")
    snoozed_until = models.DateTimeField(null=True)
    snooze_reason = models.TextField(db_default="")
    escalated_at = models.DateTimeField(null=True)
    reopened_at = models.DateTimeField(null=True)
    reopenings = models.IntegerField(db_default=0)

    class Meta:
        db_table = "trades_exception"
        indexes = [
            GinIndex(fields=["causes"], condition=Q(closed_at__isnull=True), name="trades_exception_causes"),
            GinIndex(fields=["waits"], condition=Q(closed_at__isnull=True), name="trades_exception_waits"),
            models.Index(fields=["xid", "id"], name="trades_exception_written"),
            models.Index(
                fields=["deadline", "id"],
                condition=Q(closed_at__isnull=True),
                name="trades_exception_open",
            ),
            models.Index(fields=["closed_at"], name="trades_exception_closed"),
            models.Index(fields=["trade_id", "id"], name="trades_exception_trade"),
            models.Index(
                fields=["subject_id", "id"],
                condition=Q(trade_id__isnull=True),
                name="trades_exception_other",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "subject_id", "member", "kind"],
                condition=Q(closed_at__isnull=True),
                name="trades_exception_one_open",
            ),
            models.CheckConstraint(
                condition=Q(subject="trade", trade_id=F("subject_id"), trade_id__isnull=False)
                | (~Q(subject="trade") & Q(trade_id__isnull=True)),
                name="trades_exception_about",
            ),
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


class ExceptionClosing(models.Model):
    """A closing of an exception that opened again later. Append-only, written by trigger."""

    id = models.BigAutoField(primary_key=True)
    exception_id = models.BigIntegerField()
    closed_at = models.DateTimeField()
    closed_by = models.TextField()
    resolution = models.TextField()
    closed_xid = models.BigIntegerField(null=True)
    reopened_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "trades_exception_closing"
        indexes = [models.Index(fields=["exception_id", "id"], name="trades_exception_closing_item")]


class AssignmentRule(models.Model):
    """To whom new work items go: the first rule by `position` whose every part fits. An empty part fits all."""

    id = models.BigAutoField(primary_key=True)
    position = models.IntegerField(help_text="the lowest that fits is taken")
    kind = models.TextField(blank=True, default="", help_text="kind of work item; empty: any")
    code = models.TextField(blank=True, default="", help_text="a code on the item; empty: any")
    source = models.TextField(blank=True, default="", help_text="front-office system; empty: any")
    book = models.TextField(blank=True, default="", help_text="book as the trade names it; empty: any")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    team = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        db_table = "trades_assignment_rule"
        constraints = [
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | Q(team__isnull=False), name="trades_assignment_to_somebody"
            )
        ]


class Comment(models.Model):
    """What somebody wrote on an exception, among ourselves or to and from the front office. Never changed."""

    class Audience(models.TextChoices):
        INTERNAL = "INTERNAL", "among ourselves"
        FRONT_OFFICE = "FRONT_OFFICE", "the front office"

    id = models.BigAutoField(primary_key=True)
    exception = models.ForeignKey(ExceptionItem, on_delete=models.PROTECT, related_name="comments")
    author = models.TextField()
    text = models.TextField()
    written_at = models.DateTimeField()
    audience = models.TextField(choices=Audience.choices, db_default=Audience.INTERNAL.value)

    class Meta:
        db_table = "trades_comment"


class ConfirmationVersion(models.Model):
    """What a counterparty says of a deal, under its own reference and its own count of versions. Never changed.

    Told from the firm's side, as a trade is. It names our trade by its id or by its source and reference, or by
    neither; then its terms find the trade. CANCEL: the counterparty takes the deal for cancelled. DENY: it does not
    agree with the deal as we have it, and need not say to which terms it would.
    """

    class Action(models.TextChoices):
        CONFIRM = "CONFIRM", "confirms"
        CANCEL = "CANCEL", "cancels"
        DENY = "DENY", "denies"

    id = models.BigAutoField(primary_key=True)
    party_id = models.BigIntegerField()
    reference = models.TextField()
    version = models.IntegerField()
    action = models.TextField(choices=Action.choices)
    named_trade_id = models.BigIntegerField(null=True)
    source = models.TextField(null=True)
    source_ref = models.TextField(null=True)
    product = models.TextField()
    side = models.TextField()
    instrument_ref = models.TextField(null=True)
    instrument_id = models.BigIntegerField(null=True)
    quantity = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    price = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    currency = models.TextField()
    net_amount = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    contra_currency = models.TextField(null=True)
    contra_amount = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    trade_date = models.DateField()
    settlement_date = models.DateField(null=True)
    received_at = models.DateTimeField()
    actor = models.TextField()

    class Meta:
        db_table = "trades_confirmation_version"
        constraints = [
            models.UniqueConstraint(
                fields=["party_id", "reference", "version"], name="trades_confirmation_version_once"
            )
        ]
        indexes = [
            models.Index(fields=["party_id", "trade_date"], name="trades_confirmation_day"),
            models.Index(
                fields=["named_trade_id"],
                condition=Q(named_trade_id__isnull=False),
                name="trades_confirmation_named",
            ),
            models.Index(
                fields=["source", "source_ref"],
                condition=Q(source__isnull=False),
                name="trades_confirmation_deal",
            ),
        ]


class Confirmation(models.Model):
    """Where what a counterparty says under one reference stands against our trades: the axis beside a trade's state.

    `version_id` and `version`: the latest that it said; `trade_id` and `trade_version`: what it was matched with.
    `matched_at` is set while both agree. `differences`: each field in which they differ, out of tolerance or within.
    """

    class Status(models.TextChoices):
        UNMATCHED = "UNMATCHED", "no trade of ours"
        MISMATCHED = "MISMATCHED", "terms differ"
        MATCHED = "MATCHED", "matched"
        DISPUTED = "DISPUTED", "disputed"
        CANCELLED = "CANCELLED", "cancelled by both"

    id = models.BigAutoField(primary_key=True)
    party_id = models.BigIntegerField()
    reference = models.TextField()
    version_id = models.BigIntegerField(unique=True)
    version = models.IntegerField()
    status = models.TextField(choices=Status.choices)
    trade_id = models.BigIntegerField(null=True)
    trade_version = models.IntegerField(null=True)
    differences = models.JSONField(default=list, encoder=DjangoJSONEncoder)
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    matched_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "trades_confirmation"
        constraints = [
            models.UniqueConstraint(fields=["party_id", "reference"], name="trades_confirmation_once"),
            models.UniqueConstraint(
                fields=["trade_id"],
                condition=Q(trade_id__isnull=False),
                name="trades_confirmation_of_trade",
            ),
            models.CheckConstraint(
                condition=Q(status="UNMATCHED", trade_id__isnull=True, trade_version__isnull=True)
                | (~Q(status="UNMATCHED") & Q(trade_id__isnull=False, trade_version__isnull=False)),
                name="trades_confirmation_stands",
            ),
            models.CheckConstraint(
                condition=Q(status="MATCHED", matched_at__isnull=False)
                | (~Q(status="MATCHED") & Q(matched_at__isnull=True)),
                name="trades_confirmation_matched",
            ),
        ]
        indexes = [models.Index(fields=["status", "id"], name="trades_confirmation_status")]


class ConfirmationPolicy(models.Model):
    """Whether deals of a product with a party must be confirmed before they are sealed, and by when at all.

    Empty: any. The most specific row that says something of either holds: of product and party, of the party, of the
    product, of all. Two people change it. `spread_from`: through which trade those that there are already have been
    looked at since it changed; null: all of them.
    """

    id = models.BigAutoField(primary_key=True)
    product = models.TextField(db_default="", default="", help_text="empty: any")
    party = models.TextField(db_default="", default="", help_text="the party's code; empty: any")
    demanded = models.BooleanField(null=True, help_text="null: as what is less specific says")
    overdue_after_hours = models.IntegerField(
        null=True, help_text="hours after which a trade without a confirmation is overdue"
    )
    remind_every_hours = models.IntegerField(
        null=True, help_text="hours from one reminder to the next; null: reminded once"
    )
    mail_to = models.TextField(
        db_default="",
        default="",
        help_text="where reminders are mailed; empty: as what is less specific says",
    )
    spread_from = models.BigIntegerField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "trades_confirmation_policy"
        constraints = [
            models.UniqueConstraint(fields=["product", "party"], name="trades_confirmation_policy_once"),
            models.CheckConstraint(
                condition=Q(overdue_after_hours__isnull=True, remind_every_hours__isnull=True)
                | Q(overdue_after_hours__isnull=False, overdue_after_hours__gte=1)
                & (Q(remind_every_hours__isnull=True) | Q(remind_every_hours__gte=1)),
                name="trades_confirmation_policy_hours",
            ),
        ]


class ConfirmationLink(models.Model):
    """A link by which a counterparty without a system answers once about one version of a trade, without a log-in.

    `digest`: of the secret in it, which nobody has kept. It ends as it is used, or at `expires_at`.
    """

    id = models.BigAutoField(primary_key=True)
    trade_id = models.BigIntegerField()
    version = models.IntegerField()
    digest = models.TextField(unique=True, help_text="SHA-256 of the secret, in hexadecimal")
    actor = models.TextField()
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "trades_confirmation_link"
        indexes = [models.Index(fields=["trade_id"], name="trades_confirmation_link_of")]


class ConfirmationMail(models.Model):
    """A mail to a counterparty about one version of a trade: a reminder, or a link that somebody wants mailed.

    Sent once by its key. `next_at`: when it is tried next; while it is being sent, when it is taken for lost. GONE:
    there was nothing to ask any more, as `error` says. `number`: of the mail about its trade on that occasion.
    `mail_to`: as policies said when it was made, and as they say each time it is tried.
    """

    class State(models.TextChoices):
        PENDING = "PENDING", "to be sent"
        SENDING = "SENDING", "being sent"
        SENT = "SENT", "sent"
        GONE = "GONE", "not wanted any more"
        FAILED = "FAILED", "could not be sent"

    id = models.BigAutoField(primary_key=True)
    trade_id = models.BigIntegerField()
    version = models.IntegerField()
    occasion = models.TextField(choices=[("REMINDER", "a reminder"), ("LINK", "a link")])
    number = models.IntegerField()
    mail_to = models.TextField()
    actor = models.TextField()
    made_at = models.DateTimeField()
    next_at = models.DateTimeField()
    attempts = models.SmallIntegerField(db_default=0, default=0)
    state = models.TextField(choices=State.choices)
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(db_default="", default="", help_text="why it was not sent the last time")

    class Meta:
        db_table = "trades_confirmation_mail"
        constraints = [
            models.UniqueConstraint(
                fields=["trade_id", "version", "occasion", "number"], name="trades_confirmation_mail_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["PENDING", "SENDING"], ended_at__isnull=True)
                | Q(state__in=["SENT", "GONE", "FAILED"], ended_at__isnull=False),
                name="trades_confirmation_mail_state",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at", "id"],
                condition=Q(state__in=["PENDING", "SENDING"]),
                name="trades_confirmation_mail_next",
            )
        ]


class AwaitedConfirmation(models.Model):
    """A trade whose confirmation a policy awaits: since when, when it is looked at next, and who was reminded.

    Kept while the trade lives, matched or not: what is confirmed today may not be tomorrow. `version`: of the trade,
    the one that is to be confirmed, known `since`.
    """

    trade_id = models.BigIntegerField(primary_key=True)
    version = models.IntegerField()
    since = models.DateTimeField()
    look_at = models.DateTimeField()
    reminders = models.IntegerField(db_default=0, default=0)
    reminded_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "trades_awaited_confirmation"
        indexes = [models.Index(fields=["look_at", "trade_id"], name="trades_awaited_look_at")]
        constraints = [
            models.CheckConstraint(
                condition=Q(reminders=0, reminded_at__isnull=True)
                | Q(reminders__gt=0, reminded_at__isnull=False),
                name="trades_awaited_reminded",
            )
        ]


class ConfirmationWaiver(models.Model):
    """A version of a trade that leaves without the confirmation that is demanded, and why. Never changed."""

    id = models.BigAutoField(primary_key=True)
    trade_id = models.BigIntegerField()
    version = models.IntegerField()
    reason = models.TextField()
    actor = models.TextField()
    made_at = models.DateTimeField()

    class Meta:
        db_table = "trades_confirmation_waiver"
        constraints = [
            models.UniqueConstraint(fields=["trade_id", "version"], name="trades_confirmation_waiver_once")
        ]


class BulkRun(models.Model):
    """One action that a person took on many trades or exceptions at once: asked once, done in chunks, kept.

    `key` names the form that asked, so that sending it again leads here; `digest` is of all that it asked. `asked` is
    what the action was told, `position` the place of the last item that is decided. The counts are of items by outcome.
    """

    class Subject(models.TextChoices):
        TRADE = "trade"
        EXCEPTION = "exception"

    class State(models.TextChoices):
        RUNNING = "RUNNING"
        DONE = "DONE"
        STOPPED = "STOPPED"
        FAILED = "FAILED"

    id = models.BigAutoField(primary_key=True)
    subject = models.TextField(choices=Subject.choices)
    action = models.TextField()
    asked = models.JSONField(default=dict)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    actor = models.TextField()
    request_id = models.TextField(default="")
    key = models.TextField(unique=True)
    digest = models.TextField(help_text="SHA-256 of what was asked, in hexadecimal")
    again = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="whose refused items it tries",
    )
    undoes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="undone_by")
    asked_at = models.DateTimeField()
    state = models.TextField(choices=State.choices, default=State.RUNNING)
    finished_at = models.DateTimeField(null=True)
    why = models.TextField(default="", db_default="", help_text="why it was stopped by itself, in words")
    items = models.IntegerField()
    position = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    proposed = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)

    class Meta:
        db_table = "trades_bulk_run"
        constraints = [
            models.CheckConstraint(
                condition=Q(state="RUNNING") ^ Q(finished_at__isnull=False), name="trades_bulk_run_finished"
            ),
            models.CheckConstraint(
                condition=Q(position__gte=0, position__lte=F("items"), items__lte=10_000),
                name="trades_bulk_run_bounds",
            ),
            models.CheckConstraint(
                condition=Q(position=F("done") + F("unchanged") + F("proposed") + F("refused")),
                name="trades_bulk_run_counts",
            ),
        ]


class BulkItem(models.Model):
    """One trade or exception of a bulk run: what the person had seen of it, and what became of it.

    `seen`: a trade's ETag without its quotes, or the version of an exception's trade. `before` and `after`: what an
    action that can be undone has changed.
    """

    pk = models.CompositePrimaryKey("run_id", "place")
    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="+", db_index=False)
    place = models.IntegerField(help_text="from 1")
    subject_id = models.BigIntegerField()
    seen = models.TextField(default="")
    outcome = models.TextField(default="")
    detail = models.TextField(default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        db_table = "trades_bulk_item"
        constraints = [
            models.UniqueConstraint(fields=["run", "subject_id"], name="trades_bulk_item_once"),
        ]

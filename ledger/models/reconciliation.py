"""Reconciliation: statements as they came, what is compared with them and how, and the breaks that are left."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from core.models import TransactionId


class Statement(models.Model):
    """A statement or list of a source, of one business date. Never changed.

    A corrected file is the next `revision` of the same kind, source and day; the highest one counts, in whatever order
    they came. `balances`: of cash, what it says was there before and after, by account and currency.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField()
    source = models.TextField()
    business_date = models.DateField()
    revision = models.IntegerField()
    format = models.TextField()
    file_name = models.TextField()
    sha256 = models.TextField()
    line_count = models.IntegerField()
    balances = models.JSONField()
    received_at = models.DateTimeField()
    received_by = models.TextField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "ledger_statement"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "source", "business_date", "revision"], name="ledger_statement_revision"
            ),
            models.UniqueConstraint(
                fields=["kind", "source", "business_date", "sha256"], name="ledger_statement_once"
            ),
        ]


class StatementLine(models.Model):
    """One line of a statement. Never changed. `key` names it across corrected files; `fields` are in one spelling."""

    id = models.BigAutoField(primary_key=True)
    statement_id = models.BigIntegerField()
    number = models.IntegerField()
    key = models.TextField()
    fields = models.JSONField()

    class Meta:
        db_table = "ledger_statement_line"
        constraints = [
            models.UniqueConstraint(fields=["statement_id", "key"], name="ledger_statement_line_key")
        ]


class Reconciliation(models.Model):
    """A reconciliation, by its code. What it says stands in its versions."""

    id = models.BigAutoField(primary_key=True)
    code = models.TextField(unique=True)

    class Meta:
        db_table = "ledger_reconciliation"


class ReconciliationVersion(models.Model):
    """What a reconciliation says, made by two people. Never changed; the newest version counts.

    `levels`: the rules of matching, tried one after the other. `window_days`: how far back what is unmatched is
    looked at again. `basis`: since when our side counts, empty where its kind has no choice. `schedule`: HH:MM in the
    operator's zone, or empty for a run with every statement. `owner`: the team whose work its breaks are.
    """

    pk = models.CompositePrimaryKey("reconciliation_id", "version")
    reconciliation_id = models.BigIntegerField()
    version = models.IntegerField()
    title = models.TextField()
    kind = models.TextField()
    source = models.TextField()
    levels = models.JSONField()
    window_days = models.IntegerField()
    basis = models.TextField(default="", db_default="")
    schedule = models.TextField()
    owner = models.TextField()
    is_active = models.BooleanField()
    proposal_id = models.BigIntegerField()
    approved_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_reconciliation_version"


class ReconciliationRun(models.Model):
    """One comparison of both sides through a business date. Its figures are set once it is done.

    `start_date`: the first day it looked at. `as_at`: our side was read as it was known at this moment; null: when it
    ran. `looks_back`: it left breaks and forced matches as they are, because it is of a day that is over. Every line of
    both sides is in exactly one of the counts of its side.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", "waits"
        DONE = "DONE", "done"
        FAILED = "FAILED", "failed"

    id = models.BigAutoField(primary_key=True)
    reconciliation_id = models.BigIntegerField()
    version = models.IntegerField(default=0, db_default=0)
    business_date = models.DateField()
    as_at = models.DateTimeField(null=True)
    looks_back = models.BooleanField(default=False, db_default=False)
    start_date = models.DateField(null=True)
    state = models.TextField(choices=State.choices, default=State.WAITING, db_default=State.WAITING)
    asked_by = models.TextField()
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    failure = models.TextField(default="", db_default="")
    statement_ids = ArrayField(models.BigIntegerField(), default=list)
    ours = models.IntegerField(default=0, db_default=0)
    theirs = models.IntegerField(default=0, db_default=0)
    matched_ours = models.IntegerField(default=0, db_default=0)
    matched_theirs = models.IntegerField(default=0, db_default=0)
    forced_ours = models.IntegerField(default=0, db_default=0)
    forced_theirs = models.IntegerField(default=0, db_default=0)
    differing_ours = models.IntegerField(default=0, db_default=0)
    differing_theirs = models.IntegerField(default=0, db_default=0)
    unmatched_ours = models.IntegerField(default=0, db_default=0)
    unmatched_theirs = models.IntegerField(default=0, db_default=0)
    new = models.IntegerField(default=0, db_default=0)
    unchanged = models.IntegerField(default=0, db_default=0)
    changed = models.IntegerField(default=0, db_default=0)
    cleared = models.IntegerField(default=0, db_default=0)

    class Meta:
        db_table = "ledger_reconciliation_run"
        indexes = [models.Index(fields=["reconciliation_id", "id"], name="ledger_run_reconciliation")]
        constraints = [
            models.UniqueConstraint(
                fields=["reconciliation_id", "business_date", "as_at"],
                condition=Q(state="WAITING"),
                nulls_distinct=False,
                name="ledger_run_waiting",
            )
        ]


class RunResult(models.Model):
    """What a run made of some records: of pairs that matched at one level, many in parallel; of everything else, one.

    `outcome`: MATCHED, GROUPED (several to one or several), FORCED, or that of a break. Never changed.
    """

    id = models.BigAutoField(primary_key=True)
    run_id = models.BigIntegerField()
    outcome = models.TextField()
    level = models.IntegerField(null=True)
    ours = ArrayField(models.TextField())
    theirs = ArrayField(models.BigIntegerField())

    class Meta:
        db_table = "ledger_run_result"
        indexes = [models.Index(fields=["run_id", "id"], name="ledger_run_result_run")]


class Break(models.Model):
    """Records on which the two sides do not agree, from the first run that found them until they do.

    `key` stays the same from run to run. `ours`, `theirs`: the records with their fields. `differences`: by field what
    each side says, and what is tolerated. `near`: what comes near on the other side, and why it is not the same.
    `base_amount`: what it is about in base currency, null where it cannot be valued.
    """

    class Outcome(models.TextChoices):
        DIFFERENT = "DIFFERENT", "the sides differ"
        OURS = "OURS", "only we have it"
        THEIRS = "THEIRS", "only they have it"

    class Closing(models.TextChoices):
        AGREED = "AGREED", "both sides agree"
        FORCED = "FORCED", "matched by two people"

    id = models.BigAutoField(primary_key=True)
    reconciliation_id = models.BigIntegerField()
    key = models.TextField()
    outcome = models.TextField(choices=Outcome.choices)
    business_date = models.DateField()
    ours = models.JSONField()
    theirs = models.JSONField()
    differences = models.JSONField()
    near = models.JSONField()
    amount = models.DecimalField(max_digits=38, decimal_places=10, null=True)
    unit = models.TextField(default="", db_default="", help_text="the amount's currency, or its instrument")
    base_amount = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    opened_at = models.DateTimeField()
    first_run_id = models.BigIntegerField()
    last_run_id = models.BigIntegerField()
    changed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closing = models.TextField(choices=Closing.choices, default="", db_default="")
    reopened_at = models.DateTimeField(null=True)
    reopened_because = models.TextField(default="", db_default="")

    class Meta:
        db_table = "ledger_break"
        constraints = [models.UniqueConstraint(fields=["reconciliation_id", "key"], name="ledger_break_key")]
        indexes = [
            models.Index(
                fields=["reconciliation_id", "id"],
                condition=Q(closed_at__isnull=True),
                name="ledger_break_open",
            )
        ]


class BreakStep(models.Model):
    """What a run, or two people, made of a break: NEW, CHANGED, CLEARED, FORCED or REOPENED. Never changed."""

    id = models.BigAutoField(primary_key=True)
    break_id = models.BigIntegerField()
    run_id = models.BigIntegerField(null=True)
    step = models.TextField()
    reason = models.TextField(default="", db_default="")
    happened_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "ledger_break_step"
        indexes = [
            models.Index(fields=["break_id", "id"], name="ledger_break_step_break"),
            models.Index(fields=["run_id", "id"], name="ledger_break_step_run"),
        ]


class ForcedMatch(models.Model):
    """Records that two people say belong together, for as long as a condition holds, which every run tests.

    `condition`: `difference_max` with its `unit`, `until` (a business date), `theirs_unchanged`; what is not in it is
    not asked. `theirs_hash`: of what they said then.
    """

    id = models.BigAutoField(primary_key=True)
    reconciliation_id = models.BigIntegerField()
    break_ids = ArrayField(models.BigIntegerField())
    ours = ArrayField(models.TextField())
    theirs = ArrayField(models.TextField())
    theirs_hash = models.TextField()
    condition = models.JSONField()
    reason = models.TextField()
    proposal_id = models.BigIntegerField(unique=True)
    approved_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_because = models.TextField(default="", db_default="")

    class Meta:
        db_table = "ledger_forced_match"
        indexes = [
            models.Index(
                fields=["reconciliation_id", "id"],
                condition=Q(ended_at__isnull=True),
                name="ledger_forced_match_open",
            )
        ]

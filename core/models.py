"""Records without business nouns: audit events, work, idempotency, API clients, proposals, heartbeats."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class TransactionId(models.Func):
    """The id of the transaction that writes a row, as a column's default: 64 bits, never used twice."""

    template = "pg_current_xact_id()::text::bigint"
    output_field = models.BigIntegerField()


class Event(models.Model):
    """One line of the log: what happened to which subject, by whom, when and why. Append-only by trigger.

    `xid` is the transaction that wrote the line: readers that must not skip a late commit order by it.
    """

    id = models.BigAutoField(primary_key=True)
    recorded_at = models.DateTimeField()
    xid = models.BigIntegerField()
    type = models.TextField()
    subject = models.TextField()
    subject_id = models.BigIntegerField()
    version = models.IntegerField(null=True)
    actor = models.TextField()
    request_id = models.TextField(default="")
    reason = models.TextField(default="")
    data = models.JSONField(null=True, encoder=DjangoJSONEncoder)

    class Meta:
        db_table = "core_event"
        indexes = [models.Index(fields=["subject_id", "id"], name="core_event_subject")]


class Moment(models.Model):
    """A moment that somebody asked about, and what had been committed when it was first asked. Append-only.

    The first moment at or after the one that a read asks for answers for it (core/as_of.py).
    """

    at = models.DateTimeField(primary_key=True)
    seen = models.TextField(help_text="PostgreSQL's snapshot")
    marks = models.JSONField(help_text="the last number of each sequence when the snapshot was taken")

    class Meta:
        db_table = "core_moment"


class AuditSeal(models.Model):
    """A range of the log, closed: the hash of what stands in it and of the seal before. Append-only by trigger.

    `docs/reference/audit-log.md` describes the format. `names` has a line for every leaf, `leaves` 32 bytes.
    """

    sequence = models.BigIntegerField(primary_key=True)
    sealed_at = models.DateTimeField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    event_count = models.IntegerField()
    record_count = models.IntegerField()
    total_count = models.BigIntegerField(help_text="events in this and all earlier seals")
    layout = models.TextField()
    names = models.TextField()
    leaves = models.BinaryField()
    root = models.TextField()
    previous = models.TextField()
    hash = models.TextField()

    class Meta:
        db_table = "core_audit_seal"


class SigningKey(models.Model):
    """The public half of a key that has signed: manifests of batches and attestations name it. Append-only."""

    id = models.BigAutoField(primary_key=True)
    key_id = models.TextField(unique=True, help_text="16 hex digits of the SHA-256 of the public key")
    algorithm = models.TextField()
    public_key = models.TextField(help_text="base64")
    first_used_at = models.DateTimeField()

    class Meta:
        db_table = "core_signing_key"


class Work(models.Model):
    """Subjects that wait for a task: written in the transaction that makes the need, claimed with SKIP LOCKED."""

    id = models.BigAutoField(primary_key=True)
    task = models.TextField()
    subject_ids = ArrayField(models.BigIntegerField())
    created_at = models.DateTimeField(db_default=Now())
    attempts = models.IntegerField(default=0, db_default=0)
    crashes = models.IntegerField(default=0, db_default=0, help_text="times that it ended its worker, alone")
    not_before = models.DateTimeField(null=True)

    class Meta:
        db_table = "core_work"
        indexes = [models.Index(fields=["task", "id"], name="core_work_task")]


class ClaimNote(models.Model):
    """What a database session has claimed: left behind, it says that the work ended its worker."""

    id = models.BigAutoField(primary_key=True)
    pid = models.IntegerField()
    backend_start = models.DateTimeField()
    work_ids = ArrayField(models.BigIntegerField())

    class Meta:
        db_table = "core_claim_note"


class ApiClient(models.Model):
    """A system that speaks to the API: its hashed token, what it may do, for which sources and of which desks."""

    id = models.BigAutoField(primary_key=True)
    name = models.TextField(unique=True)
    key = models.TextField(unique=True, editable=False)
    token_hash = models.BinaryField(editable=False)
    scopes = ArrayField(models.TextField())
    sources = ArrayField(models.TextField(), default=list, blank=True)
    desks = ArrayField(models.TextField(), default=list, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "core_api_client"

    def __str__(self) -> str:
        return self.name


class IdempotencyKey(models.Model):
    """The stored answer to an unsafe request, committed together with its effect."""

    pk = models.CompositePrimaryKey("client_id", "key")
    client_id = models.BigIntegerField()
    key = models.TextField()
    request_hash = models.BinaryField()
    status = models.SmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        db_table = "core_idempotency_key"
        indexes = [models.Index(fields=["created_at"], name="core_idempotency_created")]


class ApiFailure(models.Model):
    """How often a client's requests failed alike in an hour, and what the last of them was told. Kept for a week."""

    pk = models.CompositePrimaryKey("hour", "client_id", "method", "route", "status", "code")
    hour = models.DateTimeField()
    client_id = models.BigIntegerField()
    method = models.TextField()
    route = models.TextField()
    status = models.SmallIntegerField()
    code = models.TextField()
    count = models.BigIntegerField()
    last_at = models.DateTimeField()
    request_id = models.TextField()
    detail = models.TextField()

    class Meta:
        db_table = "core_api_failure"


class Proposal(models.Model):
    """A change that needs two people: bound to the hash of its content, decided by somebody else, or withdrawn.

    Its maker is a person or an API client, on whose behalf any person may decide. A trigger freezes what is
    proposed, and all of it once it no longer waits.
    """

    class State(models.TextChoices):
        PENDING = "PENDING"
        APPROVED = "APPROVED"
        REJECTED = "REJECTED"
        VOID = "VOID"
        WITHDRAWN = "WITHDRAWN"

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField()
    subject = models.TextField()
    subject_id = models.BigIntegerField()
    content = models.JSONField(encoder=DjangoJSONEncoder)
    content_hash = models.TextField()
    maker = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="proposals_made"
    )
    maker_client = models.ForeignKey(
        ApiClient, on_delete=models.PROTECT, null=True, related_name="proposals_made"
    )
    reason = models.TextField()
    made_at = models.DateTimeField()
    state = models.TextField(choices=State.choices, default=State.PENDING)
    checker = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="proposals_checked",
    )
    decided_at = models.DateTimeField(null=True)
    decision_note = models.TextField(default="")
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    decided_xid = models.BigIntegerField(null=True, editable=False)

    class Meta:
        db_table = "core_proposal"
        constraints = [
            models.CheckConstraint(
                condition=Q(checker__isnull=True) | ~Q(checker=F("maker")),
                name="core_proposal_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(maker__isnull=True) ^ Q(maker_client__isnull=True),
                name="core_proposal_one_maker",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["PENDING", "VOID", "WITHDRAWN"])
                | Q(checker__isnull=False, decided_at__isnull=False),
                name="core_proposal_decided_by_someone",
            ),
            models.UniqueConstraint(
                fields=["kind", "subject", "subject_id"],
                condition=Q(state="PENDING"),
                name="core_proposal_one_pending",
            ),
        ]


class ApprovalPolicy(models.Model):
    """From which amount on a kind of proposal takes the amount typed in, by who proposes and by who approves."""

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField(unique=True)
    typed_from = models.DecimalField(
        max_digits=28,
        decimal_places=4,
        help_text="in base currency; from this amount on it must be typed in",
    )

    class Meta:
        db_table = "core_approval_policy"
        verbose_name_plural = "approval policies"
        constraints = [
            models.CheckConstraint(condition=Q(typed_from__gte=0), name="core_approval_policy_not_negative"),
        ]


class Notification(models.Model):
    """Something that concerns a person, told to them once; see core/notifications.py. Deleted when it is old."""

    id = models.BigAutoField(primary_key=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    kind = models.TextField()
    subject = models.TextField()
    subject_id = models.BigIntegerField()
    data = models.JSONField(null=True)
    told_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "core_notification"
        indexes = [
            models.Index(fields=["person", "-id"], name="core_notification_of"),
            models.Index(
                fields=["person"], name="core_notification_unread", condition=Q(read_at__isnull=True)
            ),
        ]


class NotificationOff(models.Model):
    """A kind of notification that a person chose not to hear of."""

    id = models.BigAutoField(primary_key=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    kind = models.TextField()

    class Meta:
        db_table = "core_notification_off"
        constraints = [models.UniqueConstraint(fields=["person", "kind"], name="core_notification_off_once")]


class Heartbeat(models.Model):
    """When a kind of process was last seen alive."""

    name = models.TextField(primary_key=True)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "core_heartbeat"

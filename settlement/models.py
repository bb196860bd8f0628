"""What the back office is told: obligations, netted instructions, sealed batches, and what became of them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from core.models import TransactionId

# Which channel carries which kind of asset.
CHANNEL_OF = {"CASH": "CASH", "SECURITY": "SECURITIES", "GOODS": "GOODS"}
CHANNELS = tuple(CHANNEL_OF.values())


def settlement_type_sql(asset_kind: str, linked: str) -> str:
    """Return SQL for how an instruction settles: DVP (delivery versus payment, together with the one it is linked to),
    FOP (a security free of payment), PAYMENT (of money alone) or DELIVERY (of goods, paid apart)."""
    return f"""CASE WHEN {linked} IS NOT NULL THEN 'DVP' WHEN {asset_kind} = 'SECURITY' THEN 'FOP'
                    WHEN {asset_kind} = 'CASH' THEN 'PAYMENT' ELSE 'DELIVERY' END"""


class Channel(models.Model):
    """A road to the back office with its gap-free sequence and its cut-off in local time.

    The three of CHANNELS are made when the database is migrated, all with the same cut-off: a trade's delivery
    and its payment then leave together. Two people change them on the screen of calendars.
    """

    code = models.TextField(primary_key=True)
    name = models.TextField()
    last_sequence = models.BigIntegerField(default=0)
    cut_off_zone = models.TextField(help_text="IANA zone of the cut-off")
    cut_off_time = models.TimeField(help_text="local time")
    lead_days = models.SmallIntegerField(
        default=0, help_text="business days before the value date on which its cut-off falls"
    )

    release_from = models.DecimalField(
        max_digits=28,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="in base currency: batches from this amount on wait until two people release them; empty: none",
    )

    hold_release_from = models.DecimalField(
        max_digits=28,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="in base currency: holds of a counterparty that keep back this amount or more are released by two"
        " people; empty: by one",
    )

    class Meta:
        db_table = "settlement_channel"
        constraints = [
            models.CheckConstraint(condition=Q(release_from__gte=0), name="settlement_channel_release_from"),
            models.CheckConstraint(
                condition=Q(hold_release_from__gte=0), name="settlement_channel_hold_from"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Batch(models.Model):
    """A sealed package of instructions for one channel and value date. PostgreSQL refuses any change.

    `sha256` is the hash of the canonical bytes: the pages, one after the other.
    `control_totals`: by asset and direction, the count and the sum.
    """

    id = models.BigAutoField(primary_key=True)
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="batches")
    sequence = models.BigIntegerField()
    value_date = models.DateField()
    sealed_at = models.DateTimeField()
    sealed_by = models.TextField()
    instruction_count = models.IntegerField()
    trade_count = models.IntegerField()
    control_totals = models.JSONField()
    byte_count = models.BigIntegerField()
    sha256 = models.TextField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "settlement_batch"
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(fields=["channel", "sequence"], name="settlement_batch_sequence")
        ]
        indexes = [models.Index(fields=["value_date", "id"], name="settlement_batch_value_date")]


class BatchManifest(models.Model):
    """What was sealed as a batch, signed, with the hash of the manifest before it in its channel. Append-only.

    `statement` is the text that is hashed and signed: JSON, keys sorted, no spaces. `hash` is its SHA-256.
    """

    batch_id = models.BigIntegerField(primary_key=True)
    channel = models.TextField()
    sequence = models.BigIntegerField()
    statement = models.TextField()
    hash = models.TextField()
    key_id = models.TextField()
    signature = models.TextField(help_text="base64")

    class Meta:
        db_table = "settlement_batch_manifest"
        constraints = [
            models.UniqueConstraint(fields=["channel", "sequence"], name="settlement_manifest_sequence")
        ]


class BatchPage(models.Model):
    """A run of the batch's canonical bytes: up to 1,000 NDJSON lines."""

    pk = models.CompositePrimaryKey("batch_id", "number")
    batch_id = models.BigIntegerField()
    number = models.IntegerField()
    first_line = models.IntegerField()
    line_count = models.IntegerField()
    byte_count = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        db_table = "settlement_batch_page"


class BatchState(models.Model):
    """How far the back office is with a batch: counts kept as it answers, so that no list counts lines.

    Whoever changes them says when: a trigger keeps every step as a BatchProgress.
    """

    batch_id = models.BigIntegerField(primary_key=True)
    instruction_count = models.IntegerField()
    accepted = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    settled = models.IntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, help_text="when it was first claimed")
    recalled_at = models.DateTimeField(null=True, help_text="when operations recalled it")
    released_at = models.DateTimeField(null=True, help_text="by two people")
    changed_at = models.DateTimeField(null=True, help_text="when the counts last changed")

    class Meta:
        db_table = "settlement_batch_state"
        indexes = [
            models.Index(
                fields=["batch_id"],
                condition=Q(instruction_count__gt=F("accepted") + F("rejected"), recalled_at__isnull=True),
                name="settlement_state_open",
            ),
            models.Index(
                fields=["batch_id"],
                condition=Q(instruction_count__gt=F("rejected") + F("settled"), recalled_at__isnull=True),
                name="settlement_state_unfinished",
            ),
        ]


class BatchProgress(models.Model):
    """One step of a batch's progress, as BatchState had it from a moment on. Append-only, written by trigger."""

    id = models.BigAutoField(primary_key=True)
    batch_id = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    accepted = models.IntegerField()
    rejected = models.IntegerField()
    settled = models.IntegerField()
    claimed_at = models.DateTimeField(null=True)
    recalled_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "settlement_batch_progress"
        indexes = [models.Index(fields=["batch_id", "id"], name="settlement_progress_batch")]


class Instruction(models.Model):
    """One thing the back office must do: one obligation, or several netted. Never changed.

    `trade_ids`: the trades behind it, once for each leg. The legs are found through them: an index by
    instruction on the legs would cost a tenth of the seal.
    `cancels`: the instruction that must not be done any more, whose particulars it repeats. `replaces`: the
    recalled instructions of which it has legs. `linked_id`: of delivery versus payment, the other instruction of the
    pair, which names this one; one that cancels repeats that of what it cancels.
    `shape`, `shapes`: which one it is of how many that a net over the maximum size was sealed as, and `shaped_with` the
    first of these; null where the net is one instruction.
    """

    id = models.BigAutoField(primary_key=True)
    batch_id = models.BigIntegerField()
    line = models.IntegerField()
    channel = models.TextField()
    counterparty_id = models.BigIntegerField()
    entity_id = models.BigIntegerField()
    asset_kind = models.TextField()
    asset = models.TextField(help_text="currency, ISIN or SKU")
    direction = models.TextField(help_text="DELIVER, RECEIVE or NIL, seen from us")
    quantity = models.DecimalField(max_digits=28, decimal_places=10)
    value_date = models.DateField()
    our_ssi_id = models.BigIntegerField()
    their_ssi_id = models.BigIntegerField()
    gross_count = models.IntegerField()
    trade_ids = ArrayField(models.BigIntegerField())
    cancels = models.BigIntegerField(null=True)
    replaces = ArrayField(models.BigIntegerField(), null=True)
    linked_id = models.BigIntegerField(null=True)
    shape = models.IntegerField(null=True)
    shapes = models.IntegerField(null=True)
    shaped_with = models.BigIntegerField(null=True)

    class Meta:
        db_table = "settlement_instruction"
        constraints = [
            models.UniqueConstraint(fields=["batch_id", "line"], name="settlement_instruction_line")
        ]
        indexes = [
            models.Index(
                fields=["cancels"],
                condition=Q(cancels__isnull=False),
                name="settlement_instruction_cancels",
            )
        ]


class Recall(models.Model):
    """An instruction that a change of a trade made wrong, or that operations took back: its legs are netted anew, and
    it is cancelled.

    `cause_ids`: the changed trades; `cancellation_id`: the instruction of a later batch that cancels it, the last
    one where the back office rejected others. `remainder`: what was left to settle of one that had settled in part,
    which is all that is taken back of it.
    """

    instruction_id = models.BigIntegerField(primary_key=True)
    cause_ids = ArrayField(models.BigIntegerField())
    recalled_at = models.DateTimeField()
    recalled_by = models.TextField()
    cancellation_id = models.BigIntegerField(null=True)
    with_batch = models.BooleanField(
        default=False, db_default=False, help_text="its batch was recalled: nothing is to be cancelled"
    )
    remainder = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "settlement_recall"
        indexes = [
            models.Index(
                fields=["instruction_id"],
                condition=Q(cancellation_id__isnull=True, with_batch=False),
                name="settlement_recall_pending",
            ),
            models.Index(fields=["cancellation_id"], name="settlement_recall_cancel"),
        ]


class Release(models.Model):
    """A batch that leaves only when two people let it go: when they did stands in its BatchState."""

    batch_id = models.BigIntegerField(primary_key=True)
    amount = models.DecimalField(
        max_digits=32, decimal_places=4, null=True, help_text="in base currency; empty where it is not known"
    )

    class Meta:
        db_table = "settlement_release"


class BatchRecall(models.Model):
    """Operations want a batch back, or one instruction of it: at once while nobody has claimed the batch, else when
    whoever claimed it last consents.

    state: REQUESTED, RECALLED or REFUSED; what was refused may be asked for again. `instruction_id`: null for the
    whole batch.
    """

    id = models.BigAutoField(primary_key=True)
    batch_id = models.BigIntegerField()
    instruction_id = models.BigIntegerField(null=True)
    state = models.TextField(help_text="REQUESTED, RECALLED or REFUSED")
    reason = models.TextField()
    requested_by = models.TextField()
    requested_at = models.DateTimeField()
    client_id = models.BigIntegerField(null=True, help_text="whose consent it needs")
    answered_by = models.TextField(default="")
    answered_at = models.DateTimeField(null=True)
    answer_reason = models.TextField(default="")

    class Meta:
        db_table = "settlement_batch_recall"
        indexes = [models.Index(fields=["batch_id", "id"], name="settlement_brecall_batch")]
        constraints = [
            models.UniqueConstraint(
                fields=["batch_id"],
                condition=~Q(state="REFUSED") & Q(instruction_id__isnull=True),
                name="settlement_brecall_one",
            ),
            models.UniqueConstraint(
                fields=["instruction_id"],
                condition=~Q(state="REFUSED") & Q(instruction_id__isnull=False),
                name="settlement_brecall_line",
            ),
        ]


class Attestation(models.Model):
    """What a day was, channel by channel: the text that is signed, and its signature. Append-only."""

    day = models.DateField(primary_key=True)
    statement = models.TextField()
    key_id = models.TextField()
    signature = models.TextField(help_text="base64")
    made_at = models.DateTimeField()

    class Meta:
        db_table = "settlement_attestation"


class AttestedCount(models.Model):
    """A back office's own counts of a day, as it posted them. Append-only."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    client_id = models.BigIntegerField()
    client_name = models.TextField()
    counts = models.JSONField()
    posted_at = models.DateTimeField()

    class Meta:
        db_table = "settlement_attested_count"


class AttestationBreak(models.Model):
    """A measure of a channel on which the two sides differ of a day, until they agree or a person closes it."""

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    client_id = models.BigIntegerField()
    client_name = models.TextField()
    channel = models.TextField()
    measure = models.TextField()
    ours = models.BigIntegerField()
    theirs = models.BigIntegerField()
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.TextField(default="")
    resolution = models.TextField(default="")

    class Meta:
        db_table = "settlement_attestation_break"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "client_id", "channel", "measure"],
                condition=Q(closed_at__isnull=True),
                name="settlement_attestation_break_open",
            )
        ]


class Record(models.Model):
    """One line of a batch that has records of another app instead of instructions: see core.contents.

    What the record is stands in the batch's bytes. `quantities`: one for each direction of its content. `package`: what
    it was sealed with. `attempt` counts from 1: what was rejected, or recalled with its batch, is sealed again as the
    next attempt, in the batch `again_in`. Answered once, and never changed otherwise.
    """

    class Status(models.TextChoices):
        SEALED = "SEALED"
        ACCEPTED = "ACCEPTED"
        REJECTED = "REJECTED"
        RECALLED = "RECALLED"

    pk = models.CompositePrimaryKey("batch_id", "line")
    batch_id = models.BigIntegerField()
    line = models.IntegerField()
    channel = models.TextField()
    package = models.BigIntegerField()
    record_id = models.BigIntegerField()
    attempt = models.IntegerField()
    asset = models.TextField()
    quantities = ArrayField(models.DecimalField(max_digits=38, decimal_places=10))
    status = models.TextField(choices=Status, default=Status.SEALED)
    reason = models.TextField(default="")
    answered_at = models.DateTimeField(null=True)
    answered_xid = models.BigIntegerField(null=True)
    again_in = models.BigIntegerField(null=True)

    class Meta:
        db_table = "settlement_record"
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "record_id", "attempt"], name="settlement_record_once"
            ),
            models.CheckConstraint(
                condition=Q(status="SEALED", answered_at__isnull=True)
                | Q(status__in=["ACCEPTED", "REJECTED", "RECALLED"], answered_at__isnull=False),
                name="settlement_record_answer",
            ),
        ]
        indexes = [
            models.Index(
                fields=["channel", "package"],
                condition=Q(status__in=["REJECTED", "RECALLED"], again_in__isnull=True),
                name="settlement_record_again",
            ),
            models.Index(
                fields=["again_in"], condition=Q(again_in__isnull=False), name="settlement_record_next"
            ),
        ]


class Obligation(models.Model):
    """One leg of a trade: what is owed, by whom and when. Never changed except that a later date's leg gets
    its instruction when its own day comes, of which it may then be a smaller part.

    `attempt` counts from 1: a leg whose instruction was rejected is instructed again as the next attempt. `part` counts
    from 0 the parts of one attempt: a leg has several where its net is over the maximum size of an instruction. The
    parts that stand add up to the leg.
    """

    pk = models.CompositePrimaryKey("trade_id", "leg", "attempt", "part")
    trade_id = models.BigIntegerField()
    leg = models.IntegerField()
    attempt = models.SmallIntegerField()
    part = models.SmallIntegerField(default=0, db_default=0)
    version = models.IntegerField()
    instruction_id = models.BigIntegerField(null=True)
    asset_kind = models.TextField()
    asset = models.TextField()
    direction = models.TextField()
    quantity = models.DecimalField(max_digits=28, decimal_places=10)
    value_date = models.DateField()

    class Meta:
        db_table = "settlement_obligation"
        indexes = [
            models.Index(
                fields=["value_date"],
                condition=Q(instruction_id__isnull=True),
                name="settlement_obligation_waiting",
            ),
        ]


class InstructionState(models.Model):
    """What the back office said of an instruction: its answer to the hand-off, how it settles, whether it matched
    and whether it was cancelled.

    `settlement_reason` keeps every reason of a fail, sorted: it is empty unless a fail was reported. The reasons of
    matching and cancellation are kept in the same way. `matching` and `cancellation` are empty until something is
    said of them; services/standing.py has the values and their order.
    """

    class Processing(models.TextChoices):
        SEALED = "SEALED"
        ACCEPTED = "ACCEPTED"
        REJECTED = "REJECTED"

    class Settlement(models.TextChoices):
        PENDING = "PENDING"
        PARTIAL = "PARTIAL"
        SETTLED = "SETTLED"
        FAILED = "FAILED"
        CANCELLED = "CANCELLED"

    instruction_id = models.BigIntegerField(primary_key=True)
    batch_id = models.BigIntegerField()
    processing = models.TextField(default=Processing.SEALED)
    processing_reason = models.TextField(default="")
    settlement = models.TextField(default=Settlement.PENDING)
    settlement_reason = models.TextField(default="")
    settled_quantity = models.DecimalField(max_digits=28, decimal_places=10, default=0)
    matching = models.TextField(default="", db_default="")
    matching_reason = models.TextField(default="", db_default="")
    cancellation = models.TextField(default="", db_default="")
    cancellation_reason = models.TextField(default="", db_default="")
    changed_at = models.DateTimeField()

    class Meta:
        db_table = "settlement_instruction_state"
        indexes = [  # what is open of what was accepted, and what was rejected: the moves of settlement/moves
            models.Index(
                fields=["instruction_id"],
                condition=Q(processing="ACCEPTED")
                & (
                    Q(settlement__in=["FAILED", "PARTIAL"])
                    | Q(Q(matching="UNMATCHED") | ~Q(cancellation=""), settlement="PENDING")
                ),
                name="settlement_istate_trouble",
            ),
            models.Index(
                fields=["instruction_id"],
                condition=Q(processing="ACCEPTED")
                & Q(~Q(matching="UNMATCHED"), settlement="PENDING", cancellation=""),
                name="settlement_istate_quiet",
            ),
            models.Index(
                fields=["instruction_id"],
                condition=Q(processing="REJECTED"),
                name="settlement_istate_rejected",
            ),
        ]


class BatchClaim(models.Model):
    """A consumer's lease on a batch. At most one is open; it ends by acknowledging everything, or expires."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="claims")
    client_id = models.BigIntegerField()
    client_name = models.TextField()
    claimed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "settlement_batch_claim"
        constraints = [
            models.UniqueConstraint(
                fields=["batch"],
                condition=Q(ended_at__isnull=True),
                name="settlement_claim_one_open",
            )
        ]


class StatusReport(models.Model):
    """What a report said of one instruction, as it came. Never changed.

    CANCELLED is said of an instruction by the acceptance of the one that cancels it. The other kinds are the answers
    to the hand-off and those of services/standing.py.
    """

    id = models.BigAutoField(primary_key=True)
    instruction_id = models.BigIntegerField()
    kind = models.TextField(help_text="ACCEPTED, REJECTED, CANCELLED, or what a report says")
    reason = models.TextField(default="")
    quantity = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    reported_by = models.TextField()
    reported_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "settlement_status_report"
        indexes = [
            models.Index(fields=["instruction_id", "id"], name="settlement_report_instr"),
            models.Index(
                fields=["instruction_id"],
                condition=Q(kind__in=["FAILED", "PARTIAL"]),
                name="settlement_report_fails",
            ),
        ]


class Withholding(models.Model):
    """While it is open, nobody claims the batch: it has trades that must not leave."""

    id = models.BigAutoField(primary_key=True)
    batch_id = models.BigIntegerField()
    withheld_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "settlement_withholding"
        constraints = [
            models.UniqueConstraint(
                fields=["batch_id"], condition=Q(ended_at__isnull=True), name="settlement_withholding_open"
            )
        ]


class Hold(models.Model):
    """What operations keep from being sealed until they release it, or until its last day is over.

    `subject_id`: a trade, an instruction, or a counterparty; of a counterparty what goes over one `channel`, and of
    that, where `asset` is not empty, only that asset. `until`: the last day on which it holds; null: until it is
    released. Never changed but ended, once.
    """

    class Kind(models.TextChoices):
        TRADE = "TRADE"
        INSTRUCTION = "INSTRUCTION"
        COUNTERPARTY = "COUNTERPARTY"

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField(choices=Kind.choices)
    subject_id = models.BigIntegerField()
    channel = models.TextField(default="")
    asset = models.TextField(default="")
    reason = models.TextField()
    until = models.DateField(null=True)
    made_by = models.TextField()
    made_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.TextField(default="")
    end_reason = models.TextField(default="")
    ended_xid = models.BigIntegerField(null=True, editable=False)

    class Meta:
        db_table = "settlement_hold"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_id", "channel", "asset"],
                condition=Q(ended_at__isnull=True),
                name="settlement_hold_open",
            ),
            models.CheckConstraint(
                condition=Q(kind="COUNTERPARTY", channel__in=CHANNELS)
                | Q(kind__in=("TRADE", "INSTRUCTION"), channel="", asset=""),
                name="settlement_hold_kind",
            ),
        ]
        indexes = [models.Index(fields=["subject_id"], name="settlement_hold_subject")]


class Chase(models.Model):
    """That somebody was asked to move an instruction which is theirs to move. Never changed.

    `mover`: whose move it was then, a name of Mover; `whom`: whom of them, as people call them. `next_on`: the day on
    which to ask again if nothing moved; null: nobody said. `key`: of the form, so that what is sent twice is one.
    """

    class Way(models.TextChoices):
        MAIL = "MAIL"
        PHONE = "PHONE"
        NOTE = "NOTE"

    id = models.BigAutoField(primary_key=True)
    instruction_id = models.BigIntegerField()
    way = models.TextField(choices=Way.choices)
    mover = models.TextField()
    whom = models.TextField()
    note = models.TextField()
    next_on = models.DateField(null=True)
    chased_by = models.TextField()
    chased_at = models.DateTimeField()
    key = models.TextField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "settlement_chase"
        constraints = [
            models.UniqueConstraint(fields=["instruction_id", "key"], name="settlement_chase_once"),
            models.CheckConstraint(
                condition=Q(way__in=("MAIL", "PHONE", "NOTE")), name="settlement_chase_way"
            ),
            models.CheckConstraint(
                condition=Q(mover__in=("COUNTERPARTY", "BACK_OFFICE", "MARKET")),
                name="settlement_chase_mover",
            ),
        ]
        indexes = [models.Index(fields=["instruction_id", "id"], name="settlement_chase_of")]


class FeeAccrual(models.Model):
    """A charge of a deal as it is accrued, or the reversal of one. Never changed.

    `amount` is signed: what we receive is above zero, what we pay below. A reversal repeats what it `reverses` with the
    other sign. `version`: the trade's, when it was accrued. `rule_version_id`: what charges it; null for what the
    front office states and no rule makes. A charge is open until it is reversed.
    """

    id = models.BigAutoField(primary_key=True)
    trade_id = models.BigIntegerField()
    version = models.IntegerField()
    type = models.TextField()
    currency = models.TextField()
    amount = models.DecimalField(max_digits=28, decimal_places=4)
    rule_version_id = models.BigIntegerField(null=True)
    is_stated = models.BooleanField(help_text="the front office stated it with the deal")
    reverses = models.BigIntegerField(null=True, unique=True)
    accrued_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "settlement_fee_accrual"
        indexes = [
            models.Index(fields=["trade_id", "id"], name="settlement_accrual_trade"),
            models.Index(fields=["xid", "id"], name="settlement_accrual_order"),
            models.Index(
                fields=["trade_id"],
                condition=Q(amount__gt=0, is_stated=False, reverses__isnull=True),
                name="settlement_accrual_billable",
            ),
        ]


class Penalty(models.Model):
    """What a failed settlement costs for one business day, why that cannot be told, or the reversal of such a row.
    Never changed.

    `amount` is signed: what we receive is above zero, what we pay below; null beside a `gap`. `quantity`: what had not
    settled when the day ended. `price`, of what is not money: the close used, per unit of the quantity, and its day.
    `basis_points` is the rate as it was then. A reversal repeats what it `reverses` with the other sign. `number`
    counts what was told of the day, reversals not.
    """

    class Gap(models.TextChoices):
        NONE = "", "none"
        RATE = "NO_RATE", "no penalty rate holds on the day"
        PRICE = "NO_PRICE", "no close price of the day or shortly before"

    class Payer(models.TextChoices):
        US = "US", "we pay"
        COUNTERPARTY = "COUNTERPARTY", "the counterparty pays"

    id = models.BigAutoField(primary_key=True)
    instruction_id = models.BigIntegerField()
    day = models.DateField()
    number = models.IntegerField()
    rate_id = models.BigIntegerField(null=True)
    basis_points = models.DecimalField(max_digits=10, decimal_places=6, null=True)
    price = models.DecimalField(max_digits=38, decimal_places=20, null=True)
    price_date = models.DateField(null=True)
    quantity = models.DecimalField(max_digits=28, decimal_places=10)
    currency = models.TextField()
    amount = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    payer = models.TextField(choices=Payer.choices)
    gap = models.TextField(choices=Gap.choices, default=Gap.NONE)
    reverses = models.BigIntegerField(null=True, unique=True)
    recorded_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "settlement_penalty"
        constraints = [
            models.UniqueConstraint(
                fields=["instruction_id", "day", "number"],
                condition=Q(reverses__isnull=True),
                name="settlement_penalty_once",
            ),
            models.CheckConstraint(
                condition=Q(gap="", amount__isnull=False)
                | Q(gap__in=["NO_RATE", "NO_PRICE"], amount__isnull=True),
                name="settlement_penalty_gap",
            ),
        ]
        indexes = [models.Index(fields=["xid", "id"], name="settlement_penalty_order")]


class InvoiceSeries(models.Model):
    """The last number of a series of an entity's invoices or credit notes; its row is locked until a number is used.

    series: INV for orders, FEE for statements of fees, CRN for credit notes.
    """

    id = models.BigAutoField(primary_key=True)
    entity_id = models.BigIntegerField()
    series = models.TextField()
    last_number = models.BigIntegerField()

    class Meta:
        db_table = "settlement_invoice_series"
        constraints = [
            models.UniqueConstraint(fields=["entity_id", "series"], name="settlement_invoice_series_once")
        ]


class Invoice(models.Model):
    """What an entity of ours bills a customer, or credits of an invoice. Never changed.

    `reference` is its number as documents carry it. `trade_id`: the order, or the only trade, that it is for; null for
    a statement of several. `credits`: the invoice that a credit note is for. `billing` is the customer as it was known
    then. The amounts of a credit note are what is given back: above zero, too.
    """

    class Kind(models.TextChoices):
        INVOICE = "INVOICE", "invoice"
        CREDIT_NOTE = "CREDIT_NOTE", "credit note"

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField(choices=Kind.choices)
    series = models.TextField()
    number = models.BigIntegerField()
    reference = models.TextField(unique=True)
    entity_id = models.BigIntegerField()
    customer_id = models.BigIntegerField()
    billing = models.JSONField()
    currency = models.TextField(help_text="ISO 4217")
    invoice_date = models.DateField()
    due_date = models.DateField()
    trade_id = models.BigIntegerField(null=True)
    credits = models.BigIntegerField(null=True)
    reason = models.TextField(default="", help_text="of a credit note")
    net = models.DecimalField(max_digits=28, decimal_places=4)
    tax = models.DecimalField(max_digits=28, decimal_places=4)
    gross = models.DecimalField(max_digits=28, decimal_places=4)
    issued_at = models.DateTimeField()
    issued_by = models.TextField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "settlement_invoice"
        constraints = [
            models.UniqueConstraint(
                fields=["entity_id", "series", "number"], name="settlement_invoice_number"
            ),
            models.CheckConstraint(condition=Q(gross=F("net") + F("tax")), name="settlement_invoice_gross"),
            models.CheckConstraint(
                condition=Q(kind="INVOICE", credits__isnull=True)
                | Q(kind="CREDIT_NOTE", credits__isnull=False, series="CRN"),
                name="settlement_invoice_kind",
            ),
        ]
        indexes = [
            models.Index(fields=["xid", "id"], name="settlement_invoice_order"),
            models.Index(fields=["customer_id", "id"], name="settlement_invoice_customer"),
            models.Index(
                fields=["credits"], condition=Q(credits__isnull=False), name="settlement_invoice_credits"
            ),
        ]


class InvoiceLine(models.Model):
    """What is billed of one line of an order, or of one charge; or what is credited of such a line. Never changed.

    `item` names what is billed of the trade: `line 3`, or `fee COMMISSION USD`; `part` counts its invoice lines, or
    the credits of one invoice line: each is made once. `leg`, `instruction_id` and `report_id` say what was delivered,
    `accrual_id` what was accrued. `credits`: the line that a credit is of; `is_closing`: the credit takes back all
    that was open of it, because it no longer holds; what holds instead is billed anew.
    """

    id = models.BigAutoField(primary_key=True)
    invoice_id = models.BigIntegerField()
    line = models.IntegerField()
    trade_id = models.BigIntegerField()
    version = models.IntegerField()
    item = models.TextField()
    part = models.IntegerField()
    leg = models.IntegerField(null=True)
    instruction_id = models.BigIntegerField(null=True)
    report_id = models.BigIntegerField(null=True)
    accrual_id = models.BigIntegerField(null=True)
    text = models.TextField()
    quantity = models.DecimalField(max_digits=28, decimal_places=10)
    unit_price = models.DecimalField(max_digits=28, decimal_places=10)
    net = models.DecimalField(max_digits=28, decimal_places=4)
    tax_rate = models.DecimalField(max_digits=12, decimal_places=6, null=True, help_text="per cent")
    tax_rule_version_id = models.BigIntegerField(null=True)
    tax = models.DecimalField(max_digits=28, decimal_places=4)
    gross = models.DecimalField(max_digits=28, decimal_places=4)
    credits = models.BigIntegerField(null=True)
    is_closing = models.BooleanField(default=False)

    class Meta:
        db_table = "settlement_invoice_line"
        constraints = [
            models.UniqueConstraint(fields=["invoice_id", "line"], name="settlement_invoice_line_once"),
            models.UniqueConstraint(
                fields=["trade_id", "item", "part"],
                condition=Q(credits__isnull=True),
                name="settlement_invoice_line_part",
            ),
            models.UniqueConstraint(
                fields=["credits", "part"],
                condition=Q(credits__isnull=False),
                name="settlement_invoice_line_credit",
            ),
            models.UniqueConstraint(
                fields=["credits"], condition=Q(is_closing=True), name="settlement_invoice_line_closed"
            ),
            models.CheckConstraint(
                condition=Q(gross=F("net") + F("tax")), name="settlement_invoice_line_gross"
            ),
        ]
        indexes = [models.Index(fields=["accrual_id"], name="settlement_invoice_line_accr")]


class TieOutBreak(models.Model):
    """What a tie-out found and could not put right: of a trade's charges or invoices, or of a series of numbers.

    kind: of the work item that it is. Never changed but closed: one with other amounts is another.
    """

    id = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)
    kind = models.TextField()
    subject = models.TextField()
    subject_id = models.BigIntegerField()
    code = models.TextField()
    about = models.TextField()
    currency = models.TextField()
    recorded = models.DecimalField(max_digits=28, decimal_places=4)
    expected = models.DecimalField(max_digits=28, decimal_places=4)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    closed_xid = models.BigIntegerField(null=True, editable=False)

    class Meta:
        db_table = "settlement_tie_out_break"
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "subject_id", "code", "about", "currency", "recorded", "expected"],
                condition=Q(closed_at__isnull=True),
                name="settlement_tie_out_break_open",
            )
        ]
        indexes = [models.Index(fields=["subject_id", "kind"], name="settlement_tie_out_break_of")]

"""Webhooks: who is told, what has been told, and what each answered."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from core.models import ApiClient


class Webhook(models.Model):
    """An address that is told of events, in the order of the feed.

    `position_id` and `mark_*` are where it stands in the feed: what lies before has its delivery. `next_at` is when its
    next delivery is due, null when none waits. While a worker sends, it holds the `lease` until `leased_until`.
    `is_slow`: its last answer took long.
    The secret is not stored: it is derived from the installation's own, `salt` and `secret_version`; the one
    before signs too until `overlap_until`. `sources` bounds it as its client is bound; none means every subject.
    """

    id = models.BigAutoField(primary_key=True)
    client = models.ForeignKey(ApiClient, on_delete=models.PROTECT, related_name="webhooks")
    url = models.TextField()
    types = ArrayField(models.TextField(), default=list, blank=True)
    sources = ArrayField(models.TextField(), default=list, blank=True)
    revision = models.IntegerField(default=1)
    is_active = models.BooleanField(default=True)
    stopped_because = models.TextField(default="", blank=True)
    salt = models.BinaryField(editable=False)
    secret_version = models.IntegerField(default=1, editable=False)
    overlap_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    position_id = models.BigIntegerField(editable=False)
    mark_id = models.BigIntegerField(default=0, editable=False)
    mark_xid = models.BigIntegerField(default=0, editable=False)
    next_at = models.DateTimeField(null=True, editable=False)
    lease = models.TextField(default="", editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    is_slow = models.BooleanField(default=False, editable=False)
    looked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "feed_webhook"

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event for one webhook: it waits, was delivered, or is dead after the last of its attempts."""

    class State(models.TextChoices):
        PENDING = "PENDING"
        DELIVERED = "DELIVERED"
        DEAD = "DEAD"

    id = models.BigAutoField(primary_key=True)
    webhook = models.ForeignKey(Webhook, on_delete=models.PROTECT, related_name="deliveries")
    event_id = models.BigIntegerField()
    subject_id = models.BigIntegerField()
    state = models.TextField(choices=State.choices, default=State.PENDING)
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "feed_delivery"
        constraints = [models.UniqueConstraint(fields=["webhook", "event_id"], name="feed_delivery_once")]
        indexes = [
            models.Index(fields=["webhook", "id"], name="feed_delivery_log"),
            models.Index(
                fields=["webhook", "event_id"], condition=Q(state="PENDING"), name="feed_delivery_pending"
            ),
            models.Index(fields=["finished_at"], name="feed_delivery_finished"),
        ]


class Attempt(models.Model):
    """One try to deliver: the HTTP status, how long it took, and how the answer began; or why there was none."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    status = models.SmallIntegerField(null=True)
    latency_ms = models.IntegerField()
    excerpt = models.TextField(default="")
    error = models.TextField(default="")

    class Meta:
        db_table = "feed_attempt"

    @property
    def said(self) -> str:
        """What the other side said, or why there was no answer."""
        return self.error or self.excerpt

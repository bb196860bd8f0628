"""What the console keeps: views and layouts under a name, files being made, how much flowed, people's desks."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class FlowCount(models.Model):
    """How many events of a type one minute of the log has, of the last days. Written by ops.flow alone."""

    pk = models.CompositePrimaryKey("minute", "type")
    minute = models.DateTimeField()
    type = models.TextField()
    count = models.BigIntegerField()

    class Meta:
        db_table = "ops_flow_count"


class FlowMark(models.Model):
    """How far the log is counted: every event up to an id, and none after it."""

    one = models.BooleanField(primary_key=True, default=True)
    event_id = models.BigIntegerField()

    class Meta:
        db_table = "ops_flow_mark"
        constraints = [models.CheckConstraint(condition=Q(one=True), name="ops_flow_mark_is_one")]


class DeskScope(models.Model):
    """The desks that a person is limited to: of their books alone the person sees and works what there is.

    Whoever has none, or has a role that is about the whole firm, sees every desk. No desk at all: nothing is seen.
    """

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    desks = ArrayField(models.TextField(), default=list, blank=True)

    class Meta:
        db_table = "ops_desk_scope"
        verbose_name = "person limited to desks"
        verbose_name_plural = "people limited to desks"

    def __str__(self) -> str:
        return self.user.get_username()


class SavedView(models.Model):
    """A list with a filter, columns, a sort and a density, under a name: of one person, or shared.

    `parameters` are those of the list's address that narrow it. A shared view may be what a team sees first.
    """

    id = models.BigAutoField(primary_key=True)
    listed = models.TextField(help_text="the code of the list")
    name = models.TextField()
    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    is_shared = models.BooleanField(default=False)
    team = models.ForeignKey(
        Group,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="whose members see it first",
    )
    parameters = models.JSONField(default=dict)
    columns = ArrayField(models.TextField(), default=list)
    sort = models.TextField(blank=True, default="")
    density = models.TextField(blank=True, default="")
    version = models.IntegerField(default=1)
    changed_at = models.DateTimeField()
    changed_by = models.TextField()

    class Meta:
        db_table = "ops_saved_view"
        constraints = [
            models.UniqueConstraint(
                fields=["listed", "name"], condition=Q(is_shared=True), name="ops_view_shared_name"
            ),
            models.UniqueConstraint(
                fields=["listed", "owner", "name"], condition=Q(is_shared=False), name="ops_view_own_name"
            ),
            models.UniqueConstraint(fields=["listed", "team"], name="ops_view_one_for_a_team"),
            models.CheckConstraint(
                condition=Q(team__isnull=True) | Q(is_shared=True), name="ops_view_of_a_team_is_shared"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Export(models.Model):
    """A list that one person has asked to be made into a file in the background: how, how far, and what became of it.

    `at` is the moment of which its rows are. `attempts` counts how often it was begun; a file belongs to the last.
    """

    class State(models.TextChoices):
        WAITING = "WAITING"
        RUNNING = "RUNNING"
        DONE = "DONE"
        FAILED = "FAILED"
        CANCELLED = "CANCELLED"

    id = models.BigAutoField(primary_key=True)
    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    listed = models.TextField(help_text="the code of the list")
    form = models.TextField(help_text="csv, json or xlsx")
    parameters = models.JSONField(default=dict)
    columns = ArrayField(models.TextField(), default=list)
    sort = models.TextField(blank=True, default="")
    state = models.TextField(choices=State.choices, default=State.WAITING)
    asked_at = models.DateTimeField()
    at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    why = models.TextField(blank=True, default="", help_text="why it failed, in words")
    books = ArrayField(
        models.BigIntegerField(),
        null=True,
        help_text="the books whose rows it has; null: those of the whole firm",
    )

    class Meta:
        db_table = "ops_export"
        indexes = [models.Index(fields=["owner", "-id"], name="ops_export_of_owner")]

    def __str__(self) -> str:
        return f"{self.listed} {self.form}"


class ExportPart(models.Model):
    """A stretch of the file of an export; in the order of their numbers they are the file."""

    id = models.BigAutoField(primary_key=True)
    export = models.ForeignKey(Export, models.CASCADE, related_name="+", db_index=False)
    number = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        db_table = "ops_export_part"
        constraints = [models.UniqueConstraint(fields=["export", "number"], name="ops_export_part_number")]


class DemoLoad(models.Model):
    """Demo data that somebody has asked for: which step comes next, of how many, and what became of it.

    `asked_at` is the moment at which the demo's story ends, whenever its steps are taken.
    """

    class State(models.TextChoices):
        RUNNING = "RUNNING"
        DONE = "DONE"
        FAILED = "FAILED"

    id = models.BigAutoField(primary_key=True)
    asked_by = models.TextField(help_text="the actor of the log")
    asked_at = models.DateTimeField()
    url = models.TextField(help_text="where the product answers, for the file of its log-ins")
    state = models.TextField(choices=State.choices, default=State.RUNNING)
    step = models.IntegerField(default=0, help_text="how many have been taken")
    steps = models.IntegerField(default=0)
    doing = models.TextField(blank=True, default="", help_text="what the next step loads, in words")
    ended_at = models.DateTimeField(null=True)
    why = models.TextField(blank=True, default="", help_text="why it failed, in words")

    class Meta:
        db_table = "ops_demo_load"
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="RUNNING"), name="ops_demo_load_one_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.step}/{self.steps}"

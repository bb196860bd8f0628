"""What the console knows of people: the desks that they are limited to, and views of its lists under a name."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


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

"""Django's command that makes a superuser, told to the log."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from core.audit import system
from core.people import record_facts, user_facts, writing_users


class Command(createsuperuser.Command):
    """Takes the place of Django's own, because this app stands before `django.contrib.auth`."""

    def handle(self, *args: Any, **options: Any) -> None:
        with writing_users() as written:
            super().handle(*args, **options)
            for user_id in written():
                record_facts(
                    subject="user",
                    id=user_id,
                    before=None,
                    after=user_facts(user_id),
                    actor=system("createsuperuser"),
                )

"""Django's command that sets somebody's password, told to the log."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import changepassword

from core.audit import system
from core.people import record_password, writing_users


class Command(changepassword.Command):
    """Takes the place of Django's own, because this app stands before `django.contrib.auth`."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        with writing_users() as written:
            said = super().handle(*args, **options)
            for user_id in written():
                record_password(user_id=user_id, actor=system("changepassword"))
        return said

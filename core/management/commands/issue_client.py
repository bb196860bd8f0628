"""Issue an API client's token."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from core.audit import system
from core.clock import utc_now
from core.http.authentication import SCOPES, issue_client, unknown_desks
from core.models import ApiClient


class Command(BaseCommand):
    help = "Make an API client and print its token, this once: only a hash of it is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--scopes", nargs="+", required=True, choices=list(SCOPES), metavar="SCOPE")
        parser.add_argument(
            "--sources", nargs="*", default=[], metavar="SOURCE", help="default: every source"
        )
        parser.add_argument("--desks", nargs="*", default=[], metavar="DESK", help="default: every desk")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="default: never")

    def handle(
        self,
        *,
        name: str,
        scopes: list[str],
        sources: list[str],
        desks: list[str],
        expires: int | None,
        **options: Any,
    ) -> None:
        if expires is not None and expires < 1:
            raise CommandError("--expires takes a number of days, 1 or more.")
        if ApiClient.objects.filter(name=name).exists():
            raise CommandError(f"There is already a client named {name}.")
        if unknown := unknown_desks(desks):
            raise CommandError(f"No book is of the desk {', '.join(unknown)}.")
        now = utc_now()
        with transaction.atomic():
            _, token = issue_client(
                name=name,
                scopes=scopes,
                sources=sources,
                desks=desks,
                expires_at=None if expires is None else now + timedelta(days=expires),
                actor=system("issue_client"),
                at=now,
            )
        self.stdout.write(token)

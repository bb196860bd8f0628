"""Give the application's database role its rights."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from core.audit import system
from core.clock import utc_now
from core.roles import grant_app_role


class Command(BaseCommand):
    help = (
        "Make the database role that web and workers log in as, or renew its rights: it may add to what only grows, and"
        " neither change, delete nor truncate it. Run it as the tables' owner, after every migration."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role")

    def handle(self, *, role: str, **options: Any) -> None:
        rights_of = grant_app_role(role=role, actor=system("grant_app_role"), at=utc_now())
        for table, rights in rights_of.items():
            self.stdout.write(f"{table}: {rights}")

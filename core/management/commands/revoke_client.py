"""Revoke an API client's token."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from core.audit import system
from core.clock import utc_now
from core.http.authentication import revoke_client
from core.models import ApiClient


class Command(BaseCommand):
    help = "Revoke an API client's token: its next request is refused."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--reason", default="")

    def handle(self, *, name: str, reason: str, **options: Any) -> None:
        client = ApiClient.objects.filter(name=name).first()
        if client is None:
            raise CommandError(f"There is no client named {name}.")
        if client.revoked_at is not None:
            raise CommandError(f"{name} was revoked at {client.revoked_at:%Y-%m-%d %H:%M} UTC.")
        with transaction.atomic():
            revoke_client(client=client, actor=system("revoke_client"), at=utc_now(), reason=reason)
        self.stdout.write(f"{name} is revoked.")

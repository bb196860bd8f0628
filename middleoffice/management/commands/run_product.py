"""`manage.py run_product`: the whole product on this machine, under one supervisor."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import OperationalError

from core.audit import system
from core.clock import business_date, utc_now
from middleoffice.lifeline import LaunchError
from middleoffice.supervisor import Supervisor
from refdata.demo import load_demo_market_data

DATABASE_WAIT_SECONDS = 60.0


class Command(BaseCommand):
    """Start servers, web, worker and beat; stop with Ctrl-C.

    PostgreSQL and Redis are embedded unless DATABASE_URL and REDIS_URL are set. PORT, HOST,
    WEB_WORKERS and WORKER_CONCURRENCY choose how the processes run.
    """

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the one choice that is not a matter of the environment."""
        parser.add_argument("--no-demo", action="store_true", help="leave a new database empty")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped; a fault ends in one message that says what to do."""
        self.began = time.monotonic()
        self.demo = settings.EMBEDDED and not options["no_demo"]
        try:
            self.supervisor = Supervisor(
                var=settings.VAR_DIR,
                folder=settings.BASE_DIR,
                environment=dict(os.environ),
                say=self._say,
            )
            self.supervisor.run(prepare=self._prepare, announce=self._announce)
        except LaunchError as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        try:
            self.stdout.write(line)
            self.stdout.flush()
        except OSError:  # the terminal is gone; stopping must go on
            return

    def _prepare(self) -> None:
        """Bring the database up to date and, on the first start of an embedded one, fill it."""
        self._await_database()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self._say("Migrating the database ...")
            call_command("migrate", interactive=False)
        if settings.PRODUCTION:
            call_command("collectstatic", interactive=False, verbosity=0)
        if self.demo:
            self._load_demo()
        connections.close_all()

    def _load_demo(self) -> None:
        """Load the demo once, and the prices and rates of each later day on which the product is started."""
        now = utc_now()
        marker, today = settings.VAR_DIR / "demo-loaded", str(business_date(now))
        if not marker.exists():
            self._say("Loading the demo ...")
            call_command("load_demo", f"--url={self.supervisor.url}")
        elif marker.read_text() != today:
            self._say("Bringing the demo's prices and rates up to date ...")
            load_demo_market_data(today=business_date(now), actor=system("demo"), now=now)
        marker.write_text(today)

    def _await_database(self) -> None:
        deadline = time.monotonic() + DATABASE_WAIT_SECONDS
        while True:
            try:
                connection.ensure_connection()
            except OperationalError as error:
                if time.monotonic() > deadline:
                    raise CommandError(f"The database does not answer: {error}") from error
                self._say(f"Waiting for the database: {str(error).splitlines()[0]}")
                time.sleep(2)
            else:
                return

    def _announce(self) -> None:
        """Print where the product is and how to get in."""
        self._say(f"\nMiddleoffice is ready in {time.monotonic() - self.began:.1f} s: ")
        self._say(f"\n  {self.supervisor.url}\n")
        for line in self._credentials():
            self._say(f"  {line}")
        self._say(f"\nLogs are in {settings.VAR_DIR / 'log'}. Ctrl-C stops everything.")

    def _credentials(self) -> list[str]:
        """Read the demo's log-ins, bringing the address in their file up to date."""
        path = settings.VAR_DIR / "demo-credentials.json"
        if not settings.EMBEDDED or not path.exists():
            return ["Log in with an account of yours; `manage.py createsuperuser` makes one."]
        demo = json.loads(path.read_text())
        if demo.get("url") != self.supervisor.url:
            demo["url"] = self.supervisor.url
            path.write_text(json.dumps(demo, indent=2) + "\n")
        users = [f"{u['username']:<12} {u['password']:<28} {u['role']}" for u in demo["users"]]
        clients = [f"{c['name']:<12} {c['token']}  {' '.join(c['scopes'])}" for c in demo["clients"]]
        return ["Log in:", *users, "", "API tokens:", *clients, "", f"All in {path}"]

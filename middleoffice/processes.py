"""The processes of the product and the command of each: the one table that all launchers run.

`make run` starts them from here, docker-compose.yml names the same commands (a test compares them),
and the tests' live product is made of them. Standard library only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

# Every variable a command depends on, with the value it has when unset. docker-compose.yml repeats
# them as ${NAME:-default}, but for HOST: a container is reached from outside.
DEFAULTS = {
    "HOST": "127.0.0.1",
    "PORT": "8000",
    "WEB_WORKERS": "2",
    "WORKER_CONCURRENCY": "2",
    "BEAT_SCHEDULE": "var/beat-schedule",
}

COMMANDS: dict[str, tuple[str, ...]] = {
    "migrate": ("python", "manage.py", "migrate", "--noinput"),
    # Each blocking thread may hold a database connection: 8 a worker keeps them few. Backpressure
    # counts open connections, idle keep-alive ones included, so it must be far above the threads.
    "web": (
        *("python", "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws"),
        *("--host", "${HOST}", "--port", "${PORT}", "--workers", "${WEB_WORKERS}"),
        *("--blocking-threads", "8", "--backpressure", "256", "--backlog", "1024"),
        *("--respawn-failed-workers", "--workers-kill-timeout", "3"),
        "middleoffice.wsgi:application",
    ),
    "worker": (
        *("python", "-m", "celery", "--app", "middleoffice.celery", "worker"),
        *("--pool", "prefork", "--concurrency", "${WORKER_CONCURRENCY}"),
        *("--queues", "default,risk,settlement,ledger,slow", "--without-gossip", "--without-mingle"),
        *("--loglevel", "INFO"),
    ),
    "beat": (
        *("python", "-m", "celery", "--app", "middleoffice.celery", "beat"),
        *("--schedule", "${BEAT_SCHEDULE}", "--pidfile", "", "--loglevel", "INFO"),
    ),
}


def argv(name: str, environment: Mapping[str, str]) -> list[str]:
    """Return the command line of process `name` for this interpreter under `environment`."""
    values = {key: environment.get(key) or default for key, default in DEFAULTS.items()}
    filled = [fill(part, values) for part in COMMANDS[name]]
    return [sys.executable if part == "python" else part for part in filled]


def fill(part: str, values: Mapping[str, str]) -> str:
    """Replace each ${NAME} of `part` by its value."""
    for key, value in values.items():
        part = part.replace(f"${{{key}}}", value)
    return part

"""The embedded Redis."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from middleoffice.embedded.binaries import redis_binaries, within_reach
from middleoffice.embedded.places import socket_dir
from middleoffice.embedded.server import Server

REDIS_SETTINGS = {"appendonly": "no", "save": "", "maxmemory-policy": "noeviction"}


class Redis(Server):
    """Redis without persistence: PostgreSQL holds the truth, a message is only a wake-up."""

    name = "redis"

    def __init__(self, var: Path, *, durable: bool, report: Callable[[str], None]) -> None:
        super().__init__(var, durable=durable, report=report)
        self.binaries = redis_binaries()

    def _prepare(self) -> None:
        self.bin = within_reach(self.binaries, self.var, self.account)
        self._owned_dir(self._folder())

    def _command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._folder() / "redis.sock"),
            "unixsocketperm": "700",
            "dir": str(self._folder()),
            **REDIS_SETTINGS,
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [f"{self.bin}/redis-server", *arguments]

    def _folder(self) -> Path:
        return socket_dir(self.var)

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self._folder() / "redis.sock"))
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

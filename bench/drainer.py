"""Workers without a broker: processes that check what waits when they are told to, as the Celery task does.

python -m bench.drainer     reads a line, checks until nothing waits, answers with how many; ends at end of file
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.product import ROOT, Bench, Database


class Drainers:
    """Running drainers on one database."""

    def __init__(self, bench: Bench, database: Database, count: int) -> None:
        self._log = (bench.home / "log" / f"drainer-{database.name}.log").open("ab")
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.drainer"],
                cwd=ROOT,
                env=bench.environment(database),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
                bufsize=1,
            )
            for _ in range(count)
        ]
        self.drain()  # imports and connects, untimed

    def drain(self) -> tuple[int, float]:
        """Let all drain what waits, at once; return how many trades they checked, and the seconds."""
        started = time.perf_counter()
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("\n")
        checked = 0
        for process in self._processes:
            assert process.stdout is not None
            answer = process.stdout.readline()
            assert answer, f"a drainer ended; see {self._log.name}"
            checked += int(answer)
        return checked, time.perf_counter() - started

    def stop(self) -> None:
        """End them."""
        for process in self._processes:
            process.communicate()
        self._log.close()


@contextmanager
def drainers(bench: Bench, database: Database, count: int) -> Iterator[Drainers]:
    """Run drainers for a while."""
    running = Drainers(bench, database, count)
    try:
        yield running
    finally:
        running.stop()


def main() -> None:
    """Be a drainer."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "middleoffice.settings")
    django.setup()
    from core.clock import utc_now
    from middleoffice.tuning import tune_process
    from risk.services.check import check_captured

    tune_process()  # as the product's workers are
    for _ in sys.stdin:
        checked = 0
        while claimed := check_captured(now=utc_now()):
            checked += claimed
        print(checked, flush=True)


if __name__ == "__main__":
    main()

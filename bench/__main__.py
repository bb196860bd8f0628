"""Measure the product and print one table of ratios; see README.md.

python -m bench [--quick] [--only NAME ...] [--list]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import report
from bench.measurement import MEASUREMENTS, Measurement, Samples
from middleoffice import embedded, lifeline

WIDTH_MIN = 100  # of the table, also where no terminal says how wide it is


def arguments() -> argparse.Namespace:
    """Read the command line."""
    names = [each.name for each in MEASUREMENTS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: about three minutes, rougher figures"
    )
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="measure only these")
    parser.add_argument("--list", action="store_true", help="list the measurements and end")
    return parser.parse_args()


@contextmanager
def servers(home: Path, console: Console) -> Iterator[str]:
    """Run durable servers of the benchmark's own, where the environment names none; yield the database's URL."""
    lock = lifeline.VarLock(home)
    embedded.make_var(home)
    (home / "log").mkdir(exist_ok=True)
    lock.acquire()
    given = {name: os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL")}
    own = embedded.EmbeddedServers(
        home,
        durable=True,
        postgres=not given["DATABASE_URL"],
        redis=not given["REDIS_URL"],
        report=console.print,
    )
    embedded.stop_on_signals()
    try:
        own.start()
        os.environ["DATABASE_URL"] = given["DATABASE_URL"] or embedded.database_url(home)
        os.environ["REDIS_URL"] = given["REDIS_URL"] or embedded.redis_url(home)
        yield os.environ["DATABASE_URL"]
    finally:
        own.stop()
        lock.release()


def measure_all(chosen: list[Measurement], home: Path, url: str, quick: bool, console: Console) -> bool:
    """Measure, print and write what came out; return whether everything could be measured."""
    from bench.product import TEMPLATE, Bench
    from bench.reference import Reference

    results: dict[Measurement, Samples] = {}
    failures: dict[Measurement, str] = {}
    bench = Bench(home, url, quick, Reference(datetime.now(UTC).date()))
    try:
        console.print("Migrating, loading reference data ...")
        bench.prepare()
        for each in chosen:
            started = time.monotonic()
            with console.status(f"Measuring {each.name} ..."):
                try:
                    results[each] = each.run(bench)
                except Exception as error:
                    failures[each] = f"{type(error).__name__}: {error}"
                    (home / "log" / f"failed-{each.name}.log").write_text(traceback.format_exc())
            figure = f"{results[each].ratio:,.2f}" if each in results else "failed"
            console.print(f"  {each.name}: {figure} ({time.monotonic() - started:.0f} s)", highlight=False)
            report.write(results, failures, home.parent / "bench.json")
            bench.drop_databases(keep=TEMPLATE)
    finally:
        bench.drop_databases()
    report.show(results, failures, console)
    return not failures


def main() -> None:
    """Run the benchmark."""
    options, console = arguments(), Console()
    console.width = max(console.width, WIDTH_MIN)
    if options.list:
        for each in MEASUREMENTS:
            console.print(f"[bold]{each.name}[/]: {each.this}; against {each.against}.")
        return
    home = embedded.var_dir() / "bench"
    shutil.rmtree(home, ignore_errors=True)
    os.environ["MIDDLEOFFICE_VAR"] = str(home)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "middleoffice.settings")
    chosen = [each for each in MEASUREMENTS if not options.only or each.name in options.only]
    with servers(home, console) as url:
        import django

        django.setup()
        whole = measure_all(chosen, home, url, options.quick, console)
    if whole:
        shutil.rmtree(home, ignore_errors=True)  # else the logs are wanted
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main()

"""The table on the terminal, and var/bench.json."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.measurement import Measurement, Samples

Results = dict[Measurement, Samples]


def document(results: Results) -> dict[str, dict[str, object]]:
    """Return the results as bench.json has them: medians of both sides, and every round's figure."""
    return {
        each.name: {
            "ratio": round(samples.ratio, 4),
            "this": round(median(samples.this), 2),
            "against": round(median(samples.against), 2),
            "unit": each.unit,
            "samples": {
                "this": [round(figure, 2) for figure in samples.this],
                "against": [round(figure, 2) for figure in samples.against],
            },
        }
        for each, samples in results.items()
    }


def write(results: Results, failures: dict[Measurement, str], path: Path) -> None:
    """Write bench.json, keeping what it has of measurements that were not run this time."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    for each in failures:
        kept.pop(each.name, None)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({**kept, **document(results)}, indent=2) + "\n")
    draft.replace(path)


def show(results: Results, failures: dict[Measurement, str], console: Console) -> None:
    """Print the table of ratios, what failed, and the notes below it."""
    table = Table(title="Ratios of medians, measured side by side", title_justify="left")
    table.add_column("measurement", no_wrap=True)
    for heading in ("ratio", "reach", "this", "against"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("")
    for each, samples in results.items():
        met = each.met(samples.ratio)
        table.add_row(
            each.name,
            f"{samples.ratio:,.2f}",
            f"{'≤' if each.lower_is_better else '≥'} {each.reach:g}",
            _figure(median(samples.this)),
            _figure(median(samples.against)),
            each.unit,
            "met" if met else "not met",
            style=None if met else "bold",
        )
    for each in failures:
        table.add_row(each.name, "", "", "", "", each.unit, "failed", style="bold")
    console.print(table)
    for each, samples in results.items():
        console.print(f"[bold]{each.name}[/]: {each.this}; against {each.against}.")
        for note in samples.notes:
            console.print(f"  {note}", highlight=False)
    for each, reason in failures.items():
        console.print(f"[bold]{each.name} failed[/]: {reason}", highlight=False)


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:,.1f}"

"""The pages of the lifecycle, of measures and of reference data."""

from __future__ import annotations

import inspect
import json

import msgspec

from middleoffice.documentation.fields import type_of
from middleoffice.documentation.markdown import fenced, page, sentence, table, yes
from refdata.kinds.base import Kind
from refdata.services import KINDS
from risk.checks._composition import DIMENSIONS
from risk.measures import MEASURES
from trades.lifecycle import CAPTURE_EVENT, LIVE_STATES, TRANSITIONS, WAKES, State, diagram


def lifecycle() -> str:
    """Return the page of states and transitions."""
    states = [
        [f"`{state.name}`", yes(state in LIVE_STATES), f"`{WAKES[state]}`" if state in WAKES else ""]
        for state in State
    ]
    ways = [
        [f"`{way.source.name}`", f"`{way.target.name}`", f"`{way.event}`", way.when] for way in TRANSITIONS
    ]
    return page(
        "Lifecycle",
        "trades/lifecycle.py",
        "Every state a trade can be in and every way between them. There is no other way.",
        fenced("mermaid", diagram()),
        "## States",
        table(["state", "counts against limits once checked", "arrival wakes the task"], states),
        "## Transitions",
        f"A trade begins in `CAPTURED` with the event `{CAPTURE_EVENT}`. Each move writes its event in the same"
        " statement.",
        table(["from", "to", "event", "when"], ways),
    )


def measures() -> str:
    """Return the page of measures and dimensions of limits."""
    rows = [
        [
            f"`{code}`",
            each.title,
            yes(each.accumulates),
            each.until.lower() if each.accumulates else "—",
            each.per.replace("_", " ") or "—",
            sentence(_summary(f"risk.measures.{code.lower()}")),
        ]
        for code, each in MEASURES.items()
    ]
    return page(
        "Measures and dimensions of limits",
        "risk/measures/ and risk/checks/_composition.py",
        "A limit bounds a measure, kept by one or more dimensions. Figures of money are in the base currency; marks in"
        " another are converted at the last rate of the day. The figure of a measure that accumulates is the sum over"
        " all trades from their first check until they settle or are cancelled, with what reservations hold; one that"
        " does not looks at each trade alone. A measure with a window has a figure for each value of it.",
        table(["measure", "title", "accumulates", "until", "window", "what it measures"], rows),
        "## Dimensions",
        table(
            ["dimension", "column of the batch"],
            [[f"`{name}`", f"`{column}`"] for name, column in DIMENSIONS.items()],
        ),
    )


def _summary(module: str) -> str:
    """Return what a module's docstring says behind its code."""
    found = inspect.getdoc(__import__(module, fromlist=["_"])) or ""
    return found.split("\n\n", 1)[0].replace("\n", " ").partition(": ")[2]


def reference_data() -> str:
    """Return the page of the kinds of reference data."""
    sections = [text for kind in KINDS.values() for text in _kind(kind)]
    return page(
        "Reference data",
        "refdata/kinds/",
        "What `manage.py load_refdata KIND FILE` and `POST /api/v1/refdata/KIND` read, the same rows for both. A row is"
        " found by its key; a field that is absent keeps its stored value, and null sets the default. A row that"
        " equals what is stored changes nothing. Decimals are strings. Rows are never deleted.",
        *sections,
    )


def _kind(kind: Kind) -> list[str]:
    _, components = msgspec.json.schema_components([kind.row_type], ref_template="{name}")
    (schema,) = components.values()
    described = inspect.getdoc(type(kind)) if type(kind).__doc__ else ""
    return [
        f"## {kind.code}",
        *([described.replace("\n", " ")] if described else []),
        f"Key: {', '.join(f'`{name}`' for name in kind.key)}. Filters of the list:"
        f" {', '.join(f'`{name}`' for name in kind.filters)}.",
        table(
            ["field", "type", "required"],
            [
                [f"`{name}`", type_of(each).removesuffix(" or null"), yes(name in schema["required"])]
                for name, each in schema["properties"].items()
            ],
        ),
        fenced("json", json.dumps(kind.example, indent=2, ensure_ascii=False)),
    ]

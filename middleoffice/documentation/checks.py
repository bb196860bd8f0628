"""A page of all checks and a page of each."""

from __future__ import annotations

import inspect
import re

from middleoffice.documentation.markdown import fenced, page, table, yes
from risk.checks import CHECKS
from risk.checks._settings import is_fixed
from risk.checks.base import Check
from risk.services.parameters import BOUNDS


def all_checks() -> str:
    """Return the page that lists all checks."""
    ordered = sorted(CHECKS.values(), key=lambda each: (each.precedence, each.code))
    rows = [
        [
            f"[{each.code}]({each.code.lower()}.md)",
            each.title,
            _SEVERITIES[each.severity],
            yes(each.overridable),
        ]
        for each in ordered
    ]
    return page(
        "Checks",
        "risk/checks/",
        "Every captured trade passes all of these checks, in one statement over a batch of trades. A check"
        " that finds something stores a *finding* of that trade version. A finding that blocks holds the trade"
        " as an exception until it is repaired, accepted or rejected.",
        table(["code", "title", "severity", "two people may accept it"], rows),
        "Findings are shown in this order: the more fundamental first.",
        "## Findings that no check of this list makes",
        table(
            ["code", "severity", "meaning", "two people may accept it"],
            [
                ["LIMIT_BREACH", "blocks", "with this trade a limit's hard mark is exceeded", "yes"],
                [
                    "LIMIT_WARNING",
                    "warns",
                    "with this trade a limit's warning mark is passed",
                    "no: it does not hold",
                ],
                [
                    "RESERVATION_GONE",
                    "warns",
                    "the reservation that the deal names is not held for it: it counts like any other",
                    "no: it does not hold",
                ],
                [
                    "CHECK_FAILED",
                    "blocks",
                    "the checks failed on this trade every time; the operator's log says why",
                    "no",
                ],
                [
                    "SETTLEMENT_REJECTED",
                    "blocks",
                    "the back office rejected an instruction of the trade",
                    "no",
                ],
                [
                    "SETTLEMENT_FAILED",
                    "an exception without a finding",
                    "an instruction of the trade failed to settle; it closes by itself when it settles",
                    "no",
                ],
            ],
        ),
        "What limits measure: [measures](../measures.md). How to add a check:"
        " [architecture](../../architecture.md#how-to-add).",
    )


_SEVERITIES = {"BLOCK": "blocks", "WARN": "warns", "INFO": "informs"}


def one_check(check: Check) -> str:
    """Return the page of a check."""
    facts = [
        ["severity", _SEVERITIES[check.severity]],
        *([] if check.active else [["active", "no, until two people switch it on"]]),
        ["two people may accept it", yes(check.overridable)],
        ["order among findings", str(check.precedence)],
        ["people may set", _settable(check)],
    ]
    rule = check.condition or inspect.cleandoc(check.rows)
    introduction = (
        "The rule, in SQL over a row `b` of the batch (true: broken):"
        if check.condition
        else "The rule, in SQL that returns what is broken:"
    )
    last_look = ["What it returns is looked at once more in Python before it becomes a finding."]
    module = f"risk/checks/{check.code.lower()}.py"
    return page(
        check.code,
        module,
        f"**{check.title}.**",
        table(["", ""], facts),
        *_parameters(check),
        f"What a person reads: *{_in_words(check.message)}*",
        f"What to do: {check.fix}",
        f"Example: {check.example}",
        introduction,
        fenced("sql", rule.replace("%%", "%")),
        *(last_look if check.confirm is not None else []),
        f"Columns and relations that a rule can use stand in `risk/checks/_composition.py`; the check itself in"
        f" `{module}`.",
        "[All checks](README.md)",
    )


def _settable(check: Check) -> str:
    if not is_fixed(check):
        return "whether it is active, its severity, its parameters, and which trades it looks at"
    return "its parameters" if check.parameters else "nothing: what comes later relies on it"


def _parameters(check: Check) -> list[str]:
    """Return the table of a check's parameters, if it has any."""
    if not check.parameters:
        return []
    rows = [
        [f"`{name}`", f"`{value}`", " to ".join(check.bounds.get(name, BOUNDS)), check.meanings.get(name, "")]
        for name, value in check.parameters.items()
    ]
    return [
        "Parameters, with what holds until two people set something else (`POST /api/v1/checks/"
        f"{check.code}/parameters`, or the page of the check in the console):",
        table(["parameter", "default", "may be", "meaning"], rows),
    ]


def _in_words(message: str) -> str:
    return re.sub(r"\{(\w+)\}", r"‹\1›", message)

"""The texts that the code says in English and the console shows: sentences, names of things, and words of codes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.db.models import Field

from middleoffice.documentation.places import ROOT
from ops.permissions import ROLES
from ops.preferences import CHOICES
from ops.templatetags.console import WORDS, spelled
from refdata.services import KINDS
from risk.checks import CHECKS
from settlement.moves.base import Mover
from trades.lifecycle import State
from trades.products import PRODUCTS

_DOMAIN = ("core", "refdata", "trades", "risk", "settlement", "ledger", "feed")
_NOT_SHOWN = re.compile(
    r"(^|/)(migrations|management|api|static|tests?)/|(^|/)(api|admin|schema|demo\w*|simulation|icons|models|urls)\.py$"
    r"|_api\.py$|_sources\.py$|^core/postgresql"
)
# Modules of the domain that name things for people: their short texts count as well, not their sentences only.
_NAMING = re.compile(
    r"(work_kinds|_work|work_items|lifecycle|causes|accounts|obligations|tie_out_breaks|services/desk|services/many_trades)\.py$|^(settlement/moves|ledger/rules)/"
)
_NAMED = {
    "title",
    "message",
    "fix",
    "next",
    "label",
    "words",
    "meaning",
    "meanings",
    "name",
    "closes",
    "summary",
}
_UNSHOWN = {
    "help_text",
    "description",
    "example",
    "when",
    "since",
    "evidence",
    "who",
    "where",
    "source",
    "condition",
    "rows",
    "notes",
}
_LOGS = {"debug", "info", "warning", "error", "exception"}
_SQL = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|JOIN|FROM|ORDER BY|AND|NULL|CASE|coalesce)\b|::|=%|%\("
)
_SENTENCE = re.compile(r"[A-Za-z{].* .*[.?:]", re.DOTALL)
_NAME = re.compile(
    r"[A-Z][a-z]+\b[^_/=<>{}]*"  # Net amount
    r"|[A-Z][\w&]*( [^_/=<>]+)+"  # P&L of {book}
    r"|(\{\w+\} |\d+ )?[a-z]+(['-]?[a-z]+)*[,:]?( [a-z0-9{(&,%-][^_/=<>;]*)+"  # waits for the market
)
# Units, which are too short to be told from codes.
_UNITS = (
    "{days} d {hours} h",
    "{hours} h {minutes} min",
    "{minutes} min",
    "{rest} s",
    "in {value}",
    "bn",
    "m",
    "k",
)
_HOLE = re.compile(r"\{\w*\}")
_SPEC = re.compile(r"\{(\w+):[^{}]*\}")  # of a part, how it is formatted
_KEY = re.compile(r"(^|_)(id|ids|xid)$")
_LETTERS = re.compile(r"[A-Za-z]{2,}")


def texts() -> Iterator[str]:
    """Yield every text of the code that a page may show; parts of it as `{name}`."""
    for app in (*_DOMAIN, "ops"):
        for path in sorted((ROOT / app).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if not _NOT_SHOWN.search(place):
                yield from _of_module(path, naming=app == "ops" or bool(_NAMING.search(place)))
    yield from _choices()
    yield from _words_of_codes()


def _of_module(path: Path, *, naming: bool) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    unsaid = _unsaid(tree)
    named = {id(part) for call in ast.walk(tree) if isinstance(call, ast.keyword) and call.arg in _NAMED
             for part in ast.walk(call)}  # fmt: skip
    for node in ast.walk(tree):
        if id(node) in unsaid:
            continue
        text = _text(node)
        if text is None or _SQL.search(text) or not _LETTERS.search(_HOLE.sub("", text)):
            continue
        if _SENTENCE.fullmatch(text) or ((naming or id(node) in named) and _NAME.fullmatch(text)):
            yield text


def _unsaid(tree: ast.Module) -> set[int]:
    """Return what of a module nobody is told: docstrings, annotations, the log's lines, what describes the API, SQL."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            found |= {id(part) for part in node.values}
        elif _is_of_machines(node):
            found |= {id(part) for part in ast.walk(node)}
    return found


def _is_of_machines(node: ast.AST) -> bool:
    """Tell whether what a node says is for the log or the API's description, or is SQL."""
    if isinstance(node, ast.keyword):
        return node.arg in _UNSHOWN
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _LOGS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "_log"
    )


def _text(node: ast.AST) -> str | None:
    """Return the text of a literal, its parts as holes with the names that they have there."""
    if isinstance(node, ast.Constant):
        return _SPEC.sub(r"{\1}", node.value.strip()) if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    said, names = "", set[str]()
    for part in node.values:
        if not isinstance(part, ast.FormattedValue):
            said += str(part.value) if isinstance(part, ast.Constant) else ""
            continue
        name, wanted, n = "", _name(part.value), 1
        while not name or name in names:
            name, n = (wanted if n == 1 else f"{wanted}{n}"), n + 1
        names.add(name)
        said += f"{{{name}}}"
    return said.strip()


def _name(value: ast.expr) -> str:
    """Return what a part of a text is called where it is said."""
    if isinstance(value, ast.Name):
        return value.id.strip("_")
    if isinstance(value, ast.Attribute):
        return value.attr.strip("_")
    if (
        isinstance(value, ast.Subscript)
        and isinstance(value.slice, ast.Constant)
        and isinstance(value.slice.value, str)
    ):
        return re.sub(r"\W", "", value.slice.value) or "value"
    if isinstance(value, ast.Call) and len(value.args) == 1:
        return _name(value.args[0])
    return "value"


def _choices() -> Iterator[str]:
    """Yield the words of the codes that records have, and the names of their fields."""
    for model in apps.get_models():
        if model._meta.app_label not in _DOMAIN:
            continue
        for each in model._meta.get_fields():
            if isinstance(each, Field) and not _KEY.search(each.name):
                yield spelled(each.name)
                for value, label in each.flatchoices:
                    yield str(label)
                    if isinstance(value, str) and value.isupper():
                        yield spelled(value)


def _words_of_codes() -> Iterator[str]:
    """Yield how codes read that no field of a record declares: states, movers, choices, roles, products, sides."""
    yield from (str(state.label) for state in State)
    yield from (mover.value for mover in Mover)
    yield from (word for _, _, word in WORDS.values())
    yield from (choice for choices in CHOICES.values() for choice in choices)
    yield from (role.replace("_", " ") for role in ROLES)
    yield from map(spelled, PRODUCTS)
    yield from (spelled(field) for kind in KINDS.values() for field in kind.fields)
    yield from (spelled(code) for code in CHECKS)
    yield from ("buy", "sell", "deliver", "receive", "yes", "no", *_UNITS)

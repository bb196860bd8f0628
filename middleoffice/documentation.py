"""The pages and parts of docs/ that are made from the code's own declarations, so that they cannot go stale.

`manage.py write_docs` writes them, and a test compares them with what stands in docs/. Whole pages come from
`pages()`; parts of pages that people write stand between `<!-- made from the code: NAME -->` and
`<!-- end of NAME -->`, and come from `parts()`.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from django.apps import apps
from django.core.management import get_commands, load_command_class

from core.http.authentication import OF_EVERY_SOURCE, SCOPES
from middleoffice.access import routes
from ops.permissions import GRANTS, ROLES
from refdata.kinds.base import Kind
from refdata.services import KINDS
from risk.checks import CHECKS
from risk.checks._composition import DIMENSIONS
from risk.checks._settings import is_fixed
from risk.checks.base import Check
from risk.measures import MEASURES
from risk.services.parameters import BOUNDS
from trades.lifecycle import CAPTURE_EVENT, LIVE_STATES, TRANSITIONS, WAKES, State, diagram
from trades.products import PRODUCTS
from trades.products.base import LINES, Leg, Product

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MADE_FOLDERS = ("reference/checks", "reference/products")  # everything in them is made
SCHEMA = DOCS / "reference" / "openapi.json"
_BEGIN, _END = "<!-- made from the code: {name} -->", "<!-- end of {name} -->"
_NOTE = "<!-- Made by manage.py write_docs from {source}; change that, not this page. -->"


def pages() -> dict[str, str]:
    """Return every page that is made as a whole: its path under docs/ and its text."""
    made = {
        "reference/checks/README.md": _checks(),
        "reference/products/README.md": _products(),
        "reference/lifecycle.md": _lifecycle(),
        "reference/measures.md": _measures(),
        "reference/reference-data.md": _reference_data(),
        "reference/environment.md": _environment(),
        "reference/commands.md": _commands(),
        "reference/roles-and-scopes.md": _roles(),
        "reference/permissions.md": _permissions(),
    }
    made.update({f"reference/checks/{code.lower()}.md": _check(each) for code, each in CHECKS.items()})
    made.update({f"reference/products/{code.lower()}.md": _product(each) for code, each in PRODUCTS.items()})
    return made


def parts(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return every part by its name. schema: the API's description, as openapi.json has it."""
    return {"state diagram": _fenced("mermaid", diagram()), "API operations": _operations(schema)}


def with_parts(text: str, made: Mapping[str, str]) -> str:
    """Return a page with the parts between its markers made anew; ValueError when a part has no end."""
    for name, part in made.items():
        before, found, rest = text.partition(_BEGIN.format(name=name))
        if found:
            _, end, after = rest.partition(_END.format(name=name))
            if not end:
                raise ValueError(f"{name} begins in a page and does not end")
            text = f"{before}{found}\n{part}\n{end}{after}"
    return text


# --- checks -------------------------------------------------------------------------------------


def _checks() -> str:
    ordered = sorted(CHECKS.values(), key=lambda each: (each.precedence, each.code))
    rows = [
        [
            f"[{each.code}]({each.code.lower()}.md)",
            each.title,
            _SEVERITIES[each.severity],
            _yes(each.overridable),
        ]
        for each in ordered
    ]
    return _page(
        "Checks",
        "risk/checks/",
        "Every captured trade passes all of these checks, in one statement over a batch of trades. A check"
        " that finds something stores a *finding* of that trade version. A finding that blocks holds the trade"
        " as an exception until it is repaired, accepted or rejected.",
        _table(["code", "title", "severity", "two people may accept it"], rows),
        "Findings are shown in this order: the more fundamental first.",
        "## Findings that no check of this list makes",
        _table(
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


def _check(check: Check) -> str:
    facts = [
        ["severity", _SEVERITIES[check.severity]],
        *([] if check.active else [["active", "no, until two people switch it on"]]),
        ["two people may accept it", _yes(check.overridable)],
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
    return _page(
        check.code,
        module,
        f"**{check.title}.**",
        _table(["", ""], facts),
        *_parameters(check),
        f"What a person reads: *{_in_words(check.message)}*",
        f"What to do: {check.fix}",
        f"Example: {check.example}",
        introduction,
        _fenced("sql", rule.replace("%%", "%")),
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
        _table(["parameter", "default", "may be", "meaning"], rows),
    ]


def _in_words(message: str) -> str:
    return re.sub(r"\{(\w+)\}", r"‹\1›", message)


# --- products -----------------------------------------------------------------------------------


def _products() -> str:
    rows = [
        [f"[{code}]({code.lower()}.md)", each.title, str(each.settlement_cycle), _kinds(each)]
        for code, each in PRODUCTS.items()
    ]
    return _page(
        "Products",
        "trades/products/",
        "A product is a kind of trade: what its message says, how its amounts are computed, and what it obliges"
        " whom to deliver or pay.",
        _table(["code", "title", "business days to settlement", "obligations"], rows),
        "How to add one: [architecture](../../architecture.md#how-to-add).",
    )


def _kinds(product: Product) -> str:
    return ", ".join(f"{leg.kind}{' for each line' if leg.per_line else ''}" for leg in product.legs)


def _divided(product: Product) -> str:
    """Return what the parts of an allocated block divide between them."""
    if product.divided is None:
        return "It is not divided into parts."
    named = ", ".join(f"`{pointer}`" for pointer in product.divided)
    return (
        f"The parts of an allocated block have quantities that make its own; {named}, the fees and the net amount are"
        " divided in proportion to them, so that they add up to the block's."
    )


def _product(product: Product) -> str:
    _, components = msgspec.json.schema_components([product.message], ref_template="{name}")
    main = product.message.__name__
    inner = [name for name in components if name != main]
    module = f"trades/products/{product.code.lower()}.py"
    sections = [
        text
        for name in inner
        for text in (f"### {name}", components[name].get("description", ""), _fields_of(components[name]))
    ]
    return _page(
        product.code,
        module,
        f"**{product.title}.** {components[main].get('description', '')}",
        f"Settles {_business_days(product.settlement_cycle)} after the trade date, unless the message, the"
        " instrument or a settlement cycle says otherwise.",
        *product.notes,
        "## Fields",
        "Decimals are strings. Fields that are not listed are refused.",
        _fields_of(components[main]),
        *sections,
        "## Amounts",
        "The amount that the factors make, in SQL over a version row `b`:",
        _fenced("sql", product.expected_amount),
        f"It must agree with `{product.actual_amount.removeprefix('b.')}`; else the trade is held as"
        " [AMOUNT_MISMATCH](../checks/amount_mismatch.md).",
        *_paid(product),
        _divided(product),
        "## Obligations",
        _table(["leg", "what", "asset", "quantity", "given by", "due"], _legs(product.legs)),
        "Each party of the trade needs one standing settlement instruction for each leg.",
        "## Example",
        "A body of `POST /api/v1/trades`:",
        _fenced("json", json.dumps(product.example, indent=2, ensure_ascii=False)),
        "[All products](README.md)",
    )


def _legs(legs: Sequence[Leg]) -> list[list[str]]:
    return [
        [
            f"one for each of `terms.{LINES}`" if leg.per_line else str(number),
            leg.kind,
            *(f"`{_of_the_line(place)}`" for place in (leg.asset, leg.quantity)),
            _giver(leg),
            f"`{_of_the_line(leg.date)}`",
        ]
        for number, leg in enumerate(legs, start=1)
    ]


def _of_the_line(place: str) -> str:
    """Return where a leg's part stands in words of the message: a line's row says already that it is of a line."""
    part, _, key = place.rpartition(".")
    return key if part in ("", LINES) else f"terms.{place}"


def _business_days(count: int) -> str:
    return f"{count} business day{'' if count == 1 else 's'}"


def _paid(product: Product) -> list[str]:
    """Return what the page says where not all of the gross amount is paid, or nothing."""
    if product.paid_amount == "b.gross_amount":
        return []
    return [
        "What is paid of it before fees, so that the net amount is made of it:",
        _fenced("sql", product.paid_amount),
    ]


def _giver(leg: Leg) -> str:
    other = {"BUYER": "seller", "SELLER": "buyer"}[leg.giver]
    return f"the {leg.giver.lower()}{f'; the {other} where it is below zero' if leg.signed else ''}"


def _fields_of(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        [f"`{name}`", _type_of(each), _yes(name in required), _default_of(each), _said_of(each)]
        for name, each in schema.get("properties", {}).items()
    ]
    return _table(["field", "type", "required", "default", "meaning"], rows) if rows else "No fields."


def _type_of(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return f"[{schema['$ref']}](#{schema['$ref'].lower()})"
    if "anyOf" in schema:
        return " or ".join(_type_of(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type_of(schema['items'])}"
    words = {"decimal": "decimal", "date": "date", "date-time": "moment"}
    return words.get(schema.get("format", ""), {"string": "text"}.get(schema["type"], schema["type"]))


def _default_of(schema: Mapping[str, Any]) -> str:
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else ""


def _said_of(schema: Mapping[str, Any]) -> str:
    alternatives = [schema, *schema.get("anyOf", ())]
    said = [str(each[name]) for name in ("description", "title") for each in alternatives if name in each][:1]
    for each in alternatives:
        if "maxLength" in each:
            said.append(f"{each.get('minLength', 0)} to {each['maxLength']} characters")
        if "pattern" in each:
            said.append(f"`{each['pattern']}`")
        if "maximum" in each:
            said.append(f"{each['minimum']:,} to {each['maximum']:,}")
        if "maxItems" in each:
            said.append(f"{each.get('minItems', 0):,} to {each['maxItems']:,} items")
    return "; ".join(said)


# --- lifecycle, measures, reference data --------------------------------------------------------


def _lifecycle() -> str:
    states = [
        [f"`{state.name}`", _yes(state in LIVE_STATES), f"`{WAKES[state]}`" if state in WAKES else ""]
        for state in State
    ]
    ways = [
        [f"`{way.source.name}`", f"`{way.target.name}`", f"`{way.event}`", way.when] for way in TRANSITIONS
    ]
    return _page(
        "Lifecycle",
        "trades/lifecycle.py",
        "Every state a trade can be in and every way between them. There is no other way.",
        _fenced("mermaid", diagram()),
        "## States",
        _table(["state", "counts against limits once checked", "arrival wakes the task"], states),
        "## Transitions",
        f"A trade begins in `CAPTURED` with the event `{CAPTURE_EVENT}`. Each move writes its event in the same"
        " statement.",
        _table(["from", "to", "event", "when"], ways),
    )


def _measures() -> str:
    rows = [
        [
            f"`{code}`",
            each.title,
            _yes(each.accumulates),
            each.until.lower() if each.accumulates else "—",
            each.per.replace("_", " ") or "—",
            _sentence(_summary(f"risk.measures.{code.lower()}")),
        ]
        for code, each in MEASURES.items()
    ]
    return _page(
        "Measures and dimensions of limits",
        "risk/measures/ and risk/checks/_composition.py",
        "A limit bounds a measure, kept by one or more dimensions. Figures of money are in the base currency; marks in"
        " another are converted at the last rate of the day. The figure of a measure that accumulates is the sum over"
        " all trades from their first check until they settle or are cancelled, with what reservations hold; one that"
        " does not looks at each trade alone. A measure with a window has a figure for each value of it.",
        _table(["measure", "title", "accumulates", "until", "window", "what it measures"], rows),
        "## Dimensions",
        _table(
            ["dimension", "column of the batch"],
            [[f"`{name}`", f"`{column}`"] for name, column in DIMENSIONS.items()],
        ),
    )


def _summary(module: str) -> str:
    """Return what a module's docstring says behind its code."""
    found = inspect.getdoc(__import__(module, fromlist=["_"])) or ""
    return found.split("\n\n", 1)[0].replace("\n", " ").partition(": ")[2]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _reference_data() -> str:
    sections = [text for kind in KINDS.values() for text in _kind(kind)]
    return _page(
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
        _table(
            ["field", "type", "required"],
            [
                [f"`{name}`", _type_of(each).removesuffix(" or null"), _yes(name in schema["required"])]
                for name, each in schema["properties"].items()
            ],
        ),
        _fenced("json", json.dumps(kind.example, indent=2, ensure_ascii=False)),
    ]


# --- environment, commands, roles, API ----------------------------------------------------------


def _environment() -> str:
    """Return .env.example as a table for each of its headings."""
    blocks: list[str] = []
    rows: list[list[str]] = []
    said: list[str] = []
    for line in (ROOT / ".env.example").read_text().splitlines():
        if heading := re.fullmatch(r"# --- (.*) ---", line):
            blocks += _variables(rows)
            blocks.append(f"## {_sentence(heading[1])}")
            rows, said = [], []
        elif line.startswith("#"):
            said.append(line.removeprefix("#").strip())
        elif "=" in line:
            name, _, value = line.partition("=")
            meaning = " ".join(said) or "see above"
            if "(required) " in meaning:
                meaning = "**Required in production.** " + meaning.replace("(required) ", "")
            rows.append([f"`{name}`", f"`{value}`" if value else "", meaning])
            said = []
        else:
            said = []
    return _page(
        "Environment variables",
        ".env.example",
        "Settings are read from the environment once, at start. All missing and malformed variables are named at"
        " once. `make run` needs none of them.",
        *blocks,
        *_variables(rows),
    )


def _variables(rows: list[list[str]]) -> list[str]:
    return [_table(["variable", "example or default", "meaning"], rows)] if rows else []


def _commands() -> str:
    ours = {config.name for config in apps.get_app_configs()} & _our_apps()
    sections = []
    for name, app in sorted(get_commands().items()):
        if app in ours:
            parser = load_command_class(str(app), name).create_parser("manage.py", name)
            sections += _command(name, parser)
    return _page(
        "Commands",
        "the commands themselves",
        "Commands of `manage.py`. In a checkout they are run as `.venv/bin/python manage.py COMMAND`, in a"
        " container as `docker compose exec web python manage.py COMMAND`. They use the same environment as the"
        " product; without `DATABASE_URL` they need the embedded servers, so `make run` must be running.",
        *sections,
    )


def _our_apps() -> set[str]:
    return {path.parent.name for path in ROOT.glob("*/apps.py")}


_DJANGOS = {
    "version",
    "verbosity",
    "settings",
    "pythonpath",
    "traceback",
    "no_color",
    "force_color",
    "skip_checks",
}


def _command(name: str, parser: argparse.ArgumentParser) -> list[str]:
    actions = [each for each in parser._actions if each.dest not in _DJANGOS | {"help"}]
    rows = [[f"`{_usage_of(each)}`", _help_of(each)] for each in actions]
    described = " ".join((parser.description or "").split())
    return [f"## {name}", described, *([_table(["argument", "meaning"], rows)] if rows else [])]


def _usage_of(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    if not action.option_strings:
        return value
    return f"{action.option_strings[-1]} {value}".strip()


def _help_of(action: argparse.Action) -> str:
    said = [action.help] if action.help else []
    if action.choices:
        said.append(f"one of {', '.join(f'`{each}`' for each in action.choices)}")
    return "; ".join(said)


def _roles() -> str:
    rights = [
        [_sentence(right.value), *("yes" if role in GRANTS[right] else "" for role in ROLES)]
        for right in GRANTS
    ]
    scopes = [[f"`{name}`", meaning] for name, meaning in SCOPES.items()]
    return _page(
        "Roles and scopes",
        "ops/permissions.py and core/http/authentication.py",
        "## Roles of people",
        "A role is a group of the same name. A superuser is an administrator here and nothing more.",
        _table(["right", *ROLES], rights),
        "The maker of a proposal never decides on it, whatever the role.",
        "## Scopes of API clients",
        _table(["scope", "what a client may do with it"], scopes),
        "A client may be bound to sources; then it posts and reads trades of these sources only, and cannot use "
        + " and ".join(f"`{scope}`" for scope in SCOPES if scope in OF_EVERY_SOURCE)
        + ", which are about trades of every source.",
    )


def _permissions() -> str:
    rows = []
    for route in routes():
        where = f"`/{route.path}`"
        if route.admin:
            continue
        if route.scopes is not None:
            rows += [[f"`{method}`", where, f"`{scope}`"] for method, scope in route.scopes.items()]
        else:
            who = _sentence(route.open_to) or " or ".join(f"“{right.value}”" for right in route.rights)
            rows.append(["`POST`" if route.form_of else "", where, who])
    return _page(
        "Permissions",
        "the views behind every address",
        "What every address asks of whoever calls it: a scope of an API client, a right of a person, or nothing."
        " Which roles have a right stands in [roles and scopes](roles-and-scopes.md). Where no method is named, it"
        " is asked for all of them. An address that asks for nothing must say so: one that does not is a fault"
        " that the tests find, by trying each address with each method as everybody.",
        _table(["method", "address", "asks for"], rows),
        "Addresses under `/admin/` ask for a staff account and Django's permission of the table, or a superuser."
        " A method that an address does not have is answered 405.",
    )


def _operations(schema: Mapping[str, Any]) -> str:
    rows = []
    for path, methods in schema["paths"].items():
        described = [str(each.get("description", "")).split("\n", 1)[0] for each in methods.values()]
        for (method, operation), text in zip(methods.items(), described, strict=True):
            own = f": {text}" if text and described.count(text) == 1 else ""
            does = operation["operationId"].replace("_", " ") + own
            rows.append([f"`{method.upper()} {path}`", does, ", ".join(sorted(operation["responses"]))])
    return _table(["operation", "what it does", "answers"], rows)


# --- Markdown -----------------------------------------------------------------------------------


def _page(title: str, source: str, *blocks: str) -> str:
    note = _NOTE.format(source=source)
    return "\n\n".join([note, f"# {title}", *(block for block in blocks if block)]) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```"


def _yes(value: bool) -> str:
    return "yes" if value else "no"

"""The house keeps its own rules: a twin for every part, one map, one writer of states, no float near money."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from ledger.formats import FORMATS as STATEMENT_FORMATS
from ledger.kinds import KINDS as RECONCILED
from ledger.rules import RULES as POSTING_RULES
from ops.data_sets import DATA_SETS
from ops.lists import LISTS
from ops.notices import NOTICES
from refdata.services import KINDS
from risk.checks import CHECKS
from risk.measures import MEASURES
from settlement.api.messages import MESSAGES
from settlement.formats import FORMATS
from trades.lifecycle import TRANSITIONS, WAKES, diagram
from trades.products import PRODUCTS

ROOT = Path(settings.BASE_DIR)
APPS = ("core", "refdata", "trades", "risk", "settlement", "ledger", "feed", "ops", "middleoffice")
WITH_MONEY = ("trades", "risk", "settlement", "ledger", "refdata")
# Where each kind of part is declared, one file each, and where its twin stands.
PARTS = {
    "trades/products": "tests/trades/products",
    "risk/checks": "tests/risk/checks",
    "risk/measures": "tests/risk/measures",
    "refdata/kinds": "tests/refdata/kinds",
    "settlement/formats": "tests/settlement/formats",
    "settlement/api/messages": "tests/settlement/messages",
    "ledger/kinds": "tests/ledger/kinds",
    "ledger/formats": "tests/ledger/formats",
    "ledger/rules": "tests/ledger/rules",
    "ops/data_sets": "tests/ops/data_sets",
    "ops/lists": "tests/ops/lists",
    "ops/notices": "tests/ops/notices",
}


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def parts(folder: str) -> list[str]:
    names = (path.stem for path in (ROOT / folder).glob("*.py"))
    return sorted(name for name in names if not name.startswith("_") and name != "base")


@pytest.mark.parametrize("folder", PARTS)
def test_every_part_has_a_twin_in_the_tests_and_every_twin_a_part(folder):
    twins = sorted(path.stem.removeprefix("test_") for path in (ROOT / PARTS[folder]).glob("test_*.py"))
    assert twins == parts(folder)


@pytest.mark.parametrize("folder", PARTS)
def test_every_twin_tests_something(folder):
    for path in (ROOT / PARTS[folder]).glob("test_*.py"):
        assert re.search(r"(?m)^\s*def test_\w+", path.read_text()), path.name


@pytest.mark.parametrize(
    ("registry", "folder"),
    [
        (PRODUCTS, "trades/products"),
        (CHECKS, "risk/checks"),
        (MEASURES, "risk/measures"),
        (KINDS, "refdata/kinds"),
        (FORMATS, "settlement/formats"),
        (MESSAGES, "settlement/api/messages"),
        (RECONCILED, "ledger/kinds"),
        (STATEMENT_FORMATS, "ledger/formats"),
        (POSTING_RULES, "ledger/rules"),
        (DATA_SETS, "ops/data_sets"),
        (LISTS, "ops/lists"),
        (NOTICES, "ops/notices"),
    ],
    ids=PARTS,
)
def test_every_part_is_registered_and_opens_with_what_it_is(registry, folder):
    assert len(registry) == len(parts(folder))
    for name in parts(folder):
        text = ast.get_docstring(ast.parse((ROOT / folder / f"{name}.py").read_text()))
        assert text, name


@pytest.mark.parametrize(
    ("registry", "folder"),
    [(PRODUCTS, "trades/products"), (CHECKS, "risk/checks"), (LISTS, "ops/lists"), (NOTICES, "ops/notices")],
)
def test_a_part_is_named_like_its_file(registry, folder):
    assert sorted(code.lower() for code in registry) == parts(folder)


def test_every_kind_of_notification_is_told_by_somebody():
    told = "".join(path.read_text() for path in sources(*APPS) if path.parent.name != "notices")
    assert [code for code in NOTICES if f'"{code}"' not in told] == []


def test_the_diagram_in_the_documentation_is_the_lifecycles_own():
    page = (ROOT / "docs/architecture.md").read_text()
    (drawn,) = re.findall(r"```mermaid\n(stateDiagram-v2\n.*?)```", page, flags=re.DOTALL)
    assert drawn.rstrip() == diagram()


def test_every_event_of_the_lifecycle_is_explained_in_the_reference():
    page = (ROOT / "docs/reference/lifecycle.md").read_text()
    for way in TRANSITIONS:
        assert way.event in page, way.event


# --- one writer of states

_UPDATE = re.compile(r"UPDATE\s+trades_state\b.*?\bSET\b(.*?)\b(?:FROM|WHERE|RETURNING)\b", re.DOTALL)


def test_only_the_lifecycle_moves_a_state():
    movers = {
        str(path.relative_to(ROOT))
        for path in sources(*APPS)
        for clause in _UPDATE.findall(path.read_text())
        if re.search(r"(?<!\w)state\s*=", clause)
    }
    assert movers == {"trades/lifecycle.py"}


def test_only_capture_makes_a_first_state():
    makers = {
        str(path.relative_to(ROOT))
        for path in sources(*APPS)
        if "INSERT INTO trades_state" in path.read_text()
    }
    assert makers == {"trades/services/capture.py"}


def test_no_state_is_written_through_the_orm():
    writes = re.compile(r"TradeState\.objects\.(?!filter|get\b|values|count|exists|in_bulk)\w*|TradeState\(")
    for path in sources(*APPS):
        if path.name != "models.py":
            assert not writes.search(path.read_text()), path


def test_only_the_services_of_versions_and_capture_add_terms():
    makers = {
        str(path.relative_to(ROOT))
        for path in sources(*APPS)
        if re.search(
            r"INSERT INTO trades_version|COPY trades_version|copy_rows\(\"trades_version\"", path.read_text()
        )
    }
    assert makers <= {
        "trades/services/capture.py",
        "trades/services/versions.py",
    }


def test_every_task_that_an_arrival_wakes_exists():
    from celery import current_app

    current_app.loader.import_default_modules()
    assert set(WAKES.values()) <= set(current_app.tasks)


# --- no float near money


def _floats(path: Path) -> list[int]:
    lines = []
    for node in ast.walk(ast.parse(path.read_text())):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
        written = isinstance(node, ast.Constant) and isinstance(node.value, float)
        if called or written:
            lines.append(node.lineno)
    return lines


def test_no_float_comes_near_money():
    """Commands pace themselves in seconds; nothing else in these apps has a use for a float."""
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources(*WITH_MONEY)
        if "management" not in path.parts and "simulation" not in path.stem
        for line in _floats(path)
    }
    assert found == set()


def test_no_money_is_kept_as_a_float():
    for path in sources(*APPS):
        assert "FloatField" not in path.read_text(), path
    for path in ROOT.glob("*/migrations/*.py"):
        assert not re.search(r"FloatField|double precision|\breal\b", path.read_text()), path


# --- the clock


def test_the_clock_is_read_only_at_the_edges():
    """Services take the time; a hidden clock would make them untestable and replays untrue."""
    reads = re.compile(r"\butc_now\(\)|datetime\.now\(|date\.today\(|timezone\.now\(")
    edges = {"views.py", "api.py", "tasks.py", "admin.py", "clock.py", "authentication.py", "demo.py"}
    inside = ("services", "products", "checks", "measures", "formats")
    for path in sources("core", "refdata", "trades", "risk", "settlement", "ledger", "feed"):
        if path.name not in edges and set(inside) & set(path.relative_to(ROOT).parts):
            assert not reads.search(path.read_text()), path


# --- what a person reads


@pytest.mark.parametrize("code", [code for code, check in CHECKS.items() if check.parameters])
def test_every_number_of_a_check_says_what_it_means_and_how_far_it_may_be_set(code):
    check = CHECKS[code]
    assert set(check.meanings) == set(check.bounds) == set(check.parameters)
    for name, value in check.parameters.items():
        least, greatest = map(Decimal, check.bounds[name])
        assert check.meanings[name]
        assert least <= Decimal(value) <= greatest


@pytest.mark.parametrize("code", sorted(PRODUCTS))
def test_every_product_has_a_title_legs_and_an_example_of_itself(code):
    product = PRODUCTS[code]
    assert product.title
    assert product.example["product"] == code
    assert {leg.giver for leg in product.legs} == {"BUYER", "SELLER"}


def test_decoders_of_types_are_made_with_their_module():
    """msgspec completes a type on its first use; a thread that meets it unfinished brings the process down."""
    for path in sources(*APPS):
        assert not re.search(r"json\.decode\([^)]*type=[A-Z_]", path.read_text()), path


def test_no_test_waits_by_the_clock_where_it_could_ask():
    """A bare sleep is either too short or too long. The few there are say why."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for line in path.read_text().splitlines():
            if re.search(r"\btime\.sleep\(", line) and "support" not in path.parts:
                assert "#" in line, f"{path.name}: {line.strip()}"

"""Adding is one file: one object in each module, found by its code, and any slip is told at start."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.registry import Registry


@dataclass(frozen=True)
class Thing:
    code: str


HEADER = "from tests.core.test_registry import Thing\n"


@pytest.fixture
def things(tmp_path, monkeypatch):
    """Return what makes a registry of a package with the given modules."""

    def make(**modules: str) -> Registry[Thing]:
        package = tmp_path / "things_for_test"
        package.mkdir()
        for name, text in {"__init__": "", **modules}.items():
            (package / f"{name}.py").write_text(HEADER + text)
        monkeypatch.syspath_prepend(tmp_path)
        return Registry("things_for_test", Thing)

    yield make
    for name in [name for name in sys.modules if name.startswith("things_for_test")]:
        del sys.modules[name]


def test_each_module_declares_one_and_they_come_in_order_of_code(things):
    found = things(
        zebra="Z = Thing('A')", ape="APE = Thing('B')", _private="X = Thing('X')", base="Y = Thing('Y')"
    )
    assert list(found) == ["A", "B"]
    assert (found["A"], len(found), found.get("X"), "Y" in found) == (Thing("A"), 2, None, False)


def test_a_module_that_declares_none_is_refused(things):
    with pytest.raises(ImproperlyConfigured, match=r"things_for_test.one declares 0 Thing objects, not one"):
        list(things(one=""))


def test_a_module_that_declares_two_is_refused(things):
    with pytest.raises(ImproperlyConfigured, match="declares 2 Thing objects"):
        list(things(one="A = Thing('A')\nB = Thing('B')"))


def test_a_code_that_is_taken_is_refused(things):
    with pytest.raises(ImproperlyConfigured, match=r"things_for_test.two declares the code A again"):
        list(things(one="A = Thing('A')", two="B = Thing('A')"))


def test_it_is_collected_once_and_cannot_be_changed(things):
    found = things(one="A = Thing('A')")
    assert found["A"] is found["A"]
    with pytest.raises(TypeError):
        found["B"] = Thing("B")

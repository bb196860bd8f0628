"""The documentation agrees with the code, with itself, and with the machine it is followed on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

from middleoffice.documentation import DOCS, MADE_FOLDERS, ROOT, SCHEMA, pages, parts, with_parts
from middleoffice.documentation.console import PICTURES
from ops.help import PAGES
from trades.lifecycle import TRANSITIONS, State, diagram

WRITTEN = sorted({ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")})
ADRS = sorted((DOCS / "adr").glob("[0-9]*.md"))
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
_REMAKE = "run .venv/bin/python manage.py write_docs"


def name(path: Path) -> str:
    """Return a page as its path in the repository."""
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", path.read_text())


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as they are made of their words."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_every_made_page_says_what_the_code_declares():
    stale = [
        path
        for path, text in pages().items()
        if not (DOCS / path).exists() or (DOCS / path).read_text() != text
    ]
    assert not stale, f"stale: {', '.join(stale)}; {_REMAKE}"


def test_every_page_of_the_console_has_its_picture_and_no_other_is_kept():
    kept = {path.name for path in (DOCS / PICTURES).iterdir()}
    assert kept == {f"{name}.png" for name in PAGES}, (
        "take them anew: PICTURES=1 .venv/bin/python -m pytest tests/browser/test_pictures.py"
    )


def test_nothing_else_stands_in_the_folders_of_made_pages():
    there = {str(path.relative_to(DOCS)) for folder in MADE_FOLDERS for path in (DOCS / folder).iterdir()}
    assert there <= pages().keys()


def test_every_made_part_of_a_written_page_is_what_the_code_declares():
    fresh = parts(json.loads(SCHEMA.read_text()))
    found = set()
    for path in WRITTEN:
        text = path.read_text()
        assert text == with_parts(text, fresh), f"{name(path)} is stale; {_REMAKE}"
        found |= {part for part in fresh if f"made from the code: {part}" in text}
    assert found == fresh.keys()


def test_the_diagram_in_the_architecture_shows_the_lifecycle_table():
    text = (DOCS / "architecture.md").read_text()
    assert diagram() in text
    drawn = set(re.findall(r"^    ([A-Z_]+) --> ([A-Z_]+):", text, re.MULTILINE))
    assert drawn == {(way.source.name, way.target.name) for way in TRANSITIONS}
    assert all(state.name in text for state in State)


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_every_link_leads_somewhere(path):
    for target in _LINK.findall(prose(path)):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{name(path)} links to {target}"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{name(path)} links to {target}, a heading that is not there"


def mentioned(pattern: str, paths: list[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        for found in re.findall(pattern, path.read_text()):
            yield name(path), found


def test_every_command_that_is_mentioned_exists():
    known = get_commands()
    for page, command in mentioned(r"manage\.py ([a-z_]+)", WRITTEN):
        assert command in known, f"{page} mentions manage.py {command}"


def test_every_make_target_that_is_mentioned_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, target in mentioned(r"`(?:[A-Z]+=\S+ )*make ([a-z]+)`", WRITTEN):
        assert target in targets, f"{page} mentions make {target}"


def test_every_file_of_ours_that_is_mentioned_exists():
    ours = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} - {"var"}
    for page, file in mentioned(r"`([\w./-]+/[\w./-]*)`", WRITTEN):
        if file.split("/")[0] in ours:
            assert (ROOT / file).exists(), f"{page} mentions {file}"


def test_every_json_example_is_json():
    for path in WRITTEN:
        for language, text in _FENCE.findall(path.read_text()):
            if language == "json":
                json.loads(text)


def test_every_environment_variable_is_described():
    described = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    page = (DOCS / "reference" / "environment.md").read_text()
    assert described == set(re.findall(r"^\| `([A-Z_]+)` ", page, re.MULTILINE))


def test_decisions_are_numbered_without_gaps_and_all_listed():
    assert [path.name[:4] for path in ADRS] == [f"{n:04}" for n in range(1, len(ADRS) + 1)]
    listed = re.findall(r"\(([0-9]{4}-[^)]+\.md)\)", (DOCS / "adr" / "README.md").read_text())
    assert listed == [path.name for path in ADRS]


@pytest.mark.parametrize("path", ADRS, ids=name)
def test_every_decision_says_why_and_what_follows(path):
    text = path.read_text()
    assert re.match(r"# \d{1,4}\. .+\n", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.split()) < 700


def test_the_spelling_is_british():
    american = re.compile(
        r"\b(behavior|color|utilization|normaliz\w+|authorize\w*|canceled|favor\w*|center)\b", re.I
    )
    found = {name(path): hits for path in WRITTEN if (hits := american.findall(prose(path)))}
    assert not found


def test_the_hooks_of_pre_commit_need_nothing_from_elsewhere():
    declared = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in declared["repos"]] == ["local"]
    hooks = declared["repos"][0]["hooks"]
    assert [hook["id"] for hook in hooks] == ["ruff", "ruff-format", "mypy", "lint-imports"]
    assert all(hook["language"] == "system" for hook in hooks)


def test_the_changelog_has_the_version_of_the_project():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert f"## [Unreleased] {version[1]}" in (ROOT / "CHANGELOG.md").read_text()

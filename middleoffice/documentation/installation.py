"""The pages of environment variables and of commands."""

from __future__ import annotations

import argparse
import re

from django.apps import apps
from django.core.management import get_commands, load_command_class

from middleoffice.documentation.markdown import page, sentence, table
from middleoffice.documentation.places import ROOT


def environment() -> str:
    """Return .env.example as a table for each of its headings."""
    blocks: list[str] = []
    rows: list[list[str]] = []
    said: list[str] = []
    for line in (ROOT / ".env.example").read_text().splitlines():
        if heading := re.fullmatch(r"# --- (.*) ---", line):
            blocks += _variables(rows)
            blocks.append(f"## {sentence(heading[1])}")
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
    return page(
        "Environment variables",
        ".env.example",
        "Settings are read from the environment once, at start. All missing and malformed variables are named at"
        " once. `make run` needs none of them.",
        *blocks,
        *_variables(rows),
    )


def _variables(rows: list[list[str]]) -> list[str]:
    return [table(["variable", "example or default", "meaning"], rows)] if rows else []


def commands() -> str:
    """Return the page of the commands of manage.py."""
    ours = {config.name for config in apps.get_app_configs()} & _our_apps()
    sections = []
    for name, app in sorted(get_commands().items()):
        if app in ours:
            parser = load_command_class(str(app), name).create_parser("manage.py", name)
            sections += _command(name, parser)
    return page(
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
    return [f"## {name}", described, *([table(["argument", "meaning"], rows)] if rows else [])]


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

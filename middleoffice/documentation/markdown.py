"""How the made pages are written in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_NOTE = "<!-- Made by manage.py write_docs from {source}; change that, not this page. -->"


def page(title: str, source: str, *blocks: str) -> str:
    """Return a page: a title and its blocks, under a note that names the source it is made from."""
    note = _NOTE.format(source=source)
    return "\n\n".join([note, f"# {title}", *(block for block in blocks if block)]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are text."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def fenced(language: str, text: str) -> str:
    """Return text in a fence of a language."""
    return f"```{language}\n{text.strip()}\n```"


def yes(value: bool) -> str:
    """Return a yes or no for a cell."""
    return "yes" if value else "no"


def sentence(text: str) -> str:
    """Return text with its first letter large."""
    return text[:1].upper() + text[1:]

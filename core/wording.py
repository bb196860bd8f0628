"""Words and figures in the reader's language: what the code says in English, as people read it (ADR 0082).

Code, records and the API say everything in English. What is shown to a person is said in their language where it is
shown, and nowhere else: no text in another language is ever stored, logged, exported or sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path

from babel.messages.mofile import read_mo
from django.conf import settings
from django.utils.safestring import SafeString
from django.utils.translation import get_language, override

HOLE = re.compile(r"\{(\w+)\}")
_FIGURE = re.compile(r"[-+]?\d+(,\d{3})*(\.\d+)?")
_SENTENCES = re.compile(r"(?<=[.:;]) ")
_DEEPEST = 3  # of holes within holes


@dataclass(frozen=True)
class Manner:
    """How a language writes figures and dates. marks: what its figures have for `,` and `.`; day: for strftime."""

    marks: dict[int, int]
    day: str


_MANNERS = {"de": Manner(str.maketrans(",.", ".,"), "%d.%m.%Y")}


def manner() -> Manner | None:
    """Return how the present reader's language writes figures and dates; None where as the code does."""
    return _MANNERS.get(_language())


def figure(text: str) -> str:
    """Return a figure, as the code writes it (`1,234.50`), with the marks of the reader's language."""
    present = manner()
    return text.translate(present.marks) if present else text


def day(value: date) -> str:
    """Return a business date as the reader's language writes it, never shifted by a zone."""
    present = manner()
    return value.strftime(present.day) if present else value.strftime("%Y-%m-%d")


def moment(value: datetime, clock: str) -> str:
    """Return a moment, its date as the reader's language writes it. clock: how its time is written, for strftime."""
    return f"{day(value)} {value.strftime(clock)}"


def say(text: str) -> str:
    """Return what the code said, in the reader's language; as it is where that has no words for it.

    Text with parts of its own (`At most {most} characters are allowed.`) is known by what surrounds them; these are
    said in turn.
    """
    language = _language()
    if language not in _MANNERS or not text:
        return text
    told = _said(language, str(text), 0)
    return SafeString(told) if isinstance(text, SafeString) else told


def as_the_code_says() -> AbstractContextManager[None]:
    """Return a context in which nothing is put in other words: for what leaves the console, such as files."""
    return override(settings.LANGUAGE_CODE)


def _language() -> str:
    return (get_language() or settings.LANGUAGE_CODE).partition("-")[0]


@lru_cache(maxsize=20_000)
def _said(language: str, text: str, depth: int) -> str:
    book = _book(language)
    if (exact := book.exact.get(text)) is not None:
        return exact
    if depth and _FIGURE.fullmatch(text):
        return text.translate(_MANNERS[language].marks)
    if depth == _DEEPEST:
        return text
    for phrase in book.phrases_of(text):
        if found := phrase.fits.fullmatch(text):
            return HOLE.sub(lambda hole: _said(language, found[hole[1]], depth + 1), phrase.told)
    parts = _SENTENCES.split(text)
    return " ".join(_said(language, part, _DEEPEST - 1) for part in parts) if len(parts) > 1 else text


@dataclass(frozen=True)
class _Phrase:
    """A text with holes: what fits it, and how it is said."""

    fits: re.Pattern[str]
    told: str


@dataclass(frozen=True)
class _Book:
    """What a language has words for. phrases: by their first word, "" where they begin with a hole."""

    exact: Mapping[str, str]
    phrases: Mapping[str, list[_Phrase]]

    def phrases_of(self, text: str) -> Iterator[_Phrase]:
        """Yield the phrases that a text may be, the most telling first."""
        yield from self.phrases.get(text.partition(" ")[0], ())
        yield from self.phrases.get("", ())


@cache
def _book(language: str) -> _Book:
    """Read the words of a language, once in a process."""
    path = Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.mo"
    with path.open("rb") as file:
        known = {
            each.id: each.string
            for each in read_mo(file)
            if isinstance(each.id, str) and each.id and not each.context
        }
    phrases: dict[str, list[_Phrase]] = {}
    for text in sorted(filter(HOLE.search, known), key=lambda each: -len(HOLE.sub("", each))):
        first = text.partition(" ")[0]
        phrases.setdefault("" if HOLE.search(first) else first, []).append(
            _Phrase(re.compile(_pattern(text), re.DOTALL), str(known[text]))
        )
    return _Book({text: str(told) for text, told in known.items() if not HOLE.search(text)}, phrases)


def _pattern(text: str) -> str:
    """Return the expression of what a text with holes fits."""
    parts = HOLE.split(text)  # what is literal, and between them the names of the holes
    return "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts))

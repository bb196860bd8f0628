"""The catalogues of locale/: brought up to date with what is said, and what is wrong with them."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from middleoffice.documentation.places import ROOT
from middleoffice.wording import code, templates

LANGUAGES = ("de",)
_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_PART = re.compile(r"%\((\w+)\)s|\{(\w+)\}")


def catalogue_path(language: str, kind: str = "po") -> Path:
    """Return where a language's catalogue stands: what people edit (po), or what is made of it (mo)."""
    return ROOT / "locale" / language / "LC_MESSAGES" / f"django.{kind}"


def read(language: str) -> Catalog:
    """Read a language's catalogue; an empty one where there is none yet."""
    path = catalogue_path(language)
    if not path.exists():
        return _empty(language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def bring_up_to_date(language: str) -> tuple[bytes, bytes]:
    """Return a language's catalogue with all that is said now and nothing else: its po and its mo.

    What is said already keeps its words; what is new has none yet.
    """
    known, fresh = read(language), _empty(language)
    for (one, context), many in sorted(_said().items()):
        old = known.get(one, context or None)
        told = old.string if old is not None and bool(many) == isinstance(old.string, (list, tuple)) else None
        fresh.add((one, many) if many else one, told or (("", "") if many else ""), context=context or None)
    po, mo = io.BytesIO(), io.BytesIO()
    write_po(po, fresh, width=0, omit_header=False, sort_output=False)
    write_mo(mo, fresh)
    return po.getvalue(), mo.getvalue()


def faults_of(language: str) -> list[str]:
    """Return what is wrong with a language's catalogue: texts without words, and words that lose or add a part."""
    return [fault for each in read(language) if each.id for fault in _faults(each)]


def _faults(message: Message) -> list[str]:
    said, told = _as_list(message.id), _as_list(message.string)
    if not all(told):
        return [f"{said[0]!r} is not translated"]
    parts = set().union(*(_parts(each) for each in said))
    needed = _parts(said[-1])
    wrong = [each for each in told if not _parts(each) <= parts]
    if not needed <= _parts(told[-1]):
        wrong.append(told[-1])
    return [f"{said[0]!r} has other parts than {each!r}" for each in wrong]


def _as_list(texts: object) -> list[str]:
    return [str(each) for each in texts] if isinstance(texts, (list, tuple)) else [str(texts or "")]


def _parts(text: str) -> set[str]:
    return {one or other for one, other in _PART.findall(text)}


def _said() -> dict[tuple[str, str], str]:
    """Return every text that is said, with its context or "", and its plural or ""."""
    said = {(text, ""): "" for text in code.texts()}
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for text in templates.texts_of(path):
            key = (text.one, text.context)
            said[key] = text.many or said.get(key, "")
    return said


def _empty(language: str) -> Catalog:
    """Return a catalogue without texts. Its head tells no day, so that what is made twice is the same."""
    return Catalog(
        locale=language,
        project="Middleoffice",
        version=" ",
        header_comment="",
        msgid_bugs_address=" ",
        last_translator=" ",
        language_team=" ",
        creation_date=_DAY,
        revision_date=_DAY,
        fuzzy=False,
    )

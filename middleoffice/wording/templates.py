"""The texts that templates mark for translation, and those that they forgot to mark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.template.base import Lexer, Token, TokenType
from django.utils.text import smart_split
from django.utils.translation import trim_whitespace

_QUOTED = re.compile(r"""_\("((?:[^"\\]|\\.)*)"\)""")
_TAG = re.compile(r"<[^>]+>", re.DOTALL)
_UNREAD = re.compile(r"<!.*?>|<(script|style|kbd|pre|code)\b.*?</\1>", re.DOTALL)
_SHOWN = re.compile(r'(?<![\w-])(?:title|aria-label|placeholder|alt)="([^"]*)"')
_ENTITY = re.compile(r"&#?\w+;")
_SIGN = "\N{OBJECT REPLACEMENT CHARACTER}"
_WORD = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True)
class Text:
    """A text to be translated, its plural where it has one, and its context where one word has two meanings."""

    one: str
    many: str = ""
    context: str = ""


def texts_of(path: Path) -> Iterator[Text]:
    """Yield what a template marks: by its tags for one text and for a passage, and by `_("...")` in other tags."""
    tokens = iter(Lexer(path.read_text()).tokenize())
    for token in tokens:
        if token.token_type in {TokenType.BLOCK, TokenType.VAR}:
            yield from (Text(each.replace("%", "%%")) for each in _QUOTED.findall(token.contents))
        if token.token_type == TokenType.BLOCK and token.contents.startswith("blocktranslate"):
            yield _passage(token, tokens)
        elif token.token_type == TokenType.BLOCK and token.contents.startswith("translate "):
            _, said, *rest = smart_split(token.contents)
            if said[0] in "\"'":
                context = rest[1][1:-1] if rest[:1] == ["context"] else ""
                yield Text(said[1:-1].replace("%", "%%"), context=context)


def _passage(opening: Token, tokens: Iterator[Token]) -> Text:
    """Return the passage up to its end, as Django looks it up: its parts as `%(name)s`."""
    said = ["", ""]
    at = 0
    for token in tokens:
        if token.token_type == TokenType.VAR:
            said[at] += f"%({token.contents})s"
        elif token.token_type == TokenType.TEXT:
            said[at] += token.contents.replace("%", "%%")
        elif token.contents.strip() == "plural":
            at = 1
        else:
            break
    if "trimmed" in opening.split_contents():
        said = [trim_whitespace(each) for each in said]
    return Text(*said)


def unmarked_in(path: Path) -> list[str]:
    """Return the words of a template that a person would read, and that no tag marks."""
    shown = "".join(_unmarked(path.read_text()))
    source = _UNREAD.sub("", shown)
    read = [*_TAG.sub("\n", source).split("\n"), *_SHOWN.findall(source)]
    return [each.strip() for each in read if _WORD.search(_ENTITY.sub("", each))]


def _unmarked(source: str) -> Iterator[str]:
    """Yield what of a template stands outside of marked passages, a sign for each tag, and no class of its layout."""
    skipping = False
    for token in Lexer(source).tokenize():
        if token.token_type == TokenType.BLOCK:
            opens = token.contents == "block layout" or token.contents.startswith("blocktranslate")
            skipping = opens or (
                skipping and not token.contents.startswith(("endblock", "endblocktranslate"))
            )
        yield token.contents if token.token_type == TokenType.TEXT and not skipping else _SIGN

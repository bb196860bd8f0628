"""XML as text: elements inside out, with what XML cannot say left out of names and refused in accounts."""

from __future__ import annotations

import re
from datetime import datetime
from xml.sax.saxutils import escape

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_UNWRITABLE = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPACES = re.compile(r"\s+")


def element(name: str, *content: str) -> str:
    """Return an element around others, or nothing when all of them are nothing."""
    inside = "".join(content)
    return f"<{name}>{inside}</{name}>" if inside else ""


def leaf(name: str, text: str | None) -> str:
    """Return an element with text, or nothing without a text."""
    return f"<{name}>{escape(text)}</{name}>" if text else ""


def amount(name: str, quantity: str, currency: str) -> str:
    """Return an element with an amount of a currency."""
    return f'<{name} Ccy="{currency}">{quantity}</{name}>'


def one_line(text: str, *, most: int) -> str:
    """Return a name on one line, of at most so many characters, without those that XML cannot hold."""
    return _SPACES.sub(" ", _UNWRITABLE.sub("", text)).strip()[:most].strip()


def moment(at: datetime) -> str:
    """Return a moment in UTC to the second (ISO 8601)."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"

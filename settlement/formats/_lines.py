"""What several formats ask of a line."""

from __future__ import annotations

import re
from decimal import Decimal

from settlement.formats.base import Line, Party, Refusal, Ssi

_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")


def is_bic(text: str | None) -> bool:
    """Tell whether a text has the form of a BIC (ISO 9362)."""
    return text is not None and _BIC.fullmatch(text) is not None


def is_lei(text: str | None) -> bool:
    """Tell whether a text has the form of an LEI (ISO 17442)."""
    return text is not None and _LEI.fullmatch(text) is not None


def fits(quantity: str, *, digits: int, places: int) -> bool:
    """Tell whether a decimal has at most so many digits in all, and so many behind the point (XML Schema)."""
    _, found, exponent = Decimal(quantity).normalize().as_tuple()
    behind = max(-int(exponent), 0)
    return behind <= places and len(found) + max(int(exponent), 0) <= digits and behind <= digits


def is_cancellation(line: Line) -> bool:
    """Tell whether a line says that an earlier one must not be done any more."""
    return line.kind == "CANCEL"


def is_nil(line: Line) -> bool:
    """Tell whether the gross legs of a line cancel out."""
    return line.direction == "NIL"


def cancellation(message: str) -> Refusal:
    """Return the refusal of cancellations, which a message of their own asks for."""
    return Refusal(
        "cancellation", f"it cancels an earlier instruction, which a {message} asks for", is_cancellation
    )


NIL = Refusal("nil", "its gross legs cancel out, so that there is nothing to do", is_nil)


def giver_and_taker(line: Line) -> tuple[tuple[Party, Ssi], tuple[Party, Ssi]]:
    """Return who delivers or pays and who receives, each with its settlement instruction."""
    we, they = (line.entity, line.our_ssi), (line.counterparty, line.their_ssi)
    return (we, they) if line.direction == "DELIVER" else (they, we)

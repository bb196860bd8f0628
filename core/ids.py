"""Public ids: a prefix, Crockford base 32 digits of the database id, and a check character.

`trd_4S7H` is computed from a bigint and back, so no table stores it. The check character (the number modulo
29) catches a mistyped, swapped or cut reference before any look-up. Crockford's own modulus of 37 needs
`*~$=`, which shells and double-clicks mangle; 29 misses only digits that differ by exactly 29.
"""

from __future__ import annotations

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECK_MODULUS = 29
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]


class _Digits(dict[int, int | str]):
    """The digits as `int(text, 32)` reads them; whatever else is none."""

    def __missing__(self, _: int) -> str:
        return "!"


_READ = _Digits(str.maketrans(_DIGITS + "ILO", "0123456789abcdefghijklmnopqrstuv" + "110"))

TRADE = "trd"
BATCH = "bat"
INSTRUCTION = "ins"
EXCEPTION = "exc"
CLAIM = "clm"
PROPOSAL = "prp"
EVENT = "evt"
WEBHOOK = "whk"
DELIVERY = "dlv"
RESERVATION = "rsv"
STOP = "stp"
BACK_TEST = "bkt"
RECALL = "rcl"
HOLD = "hld"
INVOICE = "inv"
STATEMENT = "stm"
RECONCILIATION_RUN = "run"
BREAK = "brk"
STATUS_REPORT = "rpt"
CONFIRMATION = "cnf"
VIEW = "viw"
EXPORT = "exp"
NOTIFICATION = "ntf"
BULK_RUN = "blk"
JOURNAL_ENTRY = "jen"
PREFIXES = frozenset(
    {
        TRADE,
        BATCH,
        INSTRUCTION,
        EXCEPTION,
        CLAIM,
        PROPOSAL,
        EVENT,
        WEBHOOK,
        DELIVERY,
        RESERVATION,
        STOP,
        BACK_TEST,
        RECALL,
        HOLD,
        INVOICE,
        STATEMENT,
        RECONCILIATION_RUN,
        BREAK,
        STATUS_REPORT,
        CONFIRMATION,
        VIEW,
        BULK_RUN,
    }
)


def public_id(prefix: str, number: int) -> str:
    """Return the public id of a positive database id, e.g. `public_id("trd", 1234)`."""
    rest = number
    text = ""
    while rest >= 1024:
        rest, pair = divmod(rest, 1024)
        text = _PAIRS[pair] + text
    text = (_PAIRS[rest] if rest >= 32 else _DIGITS[rest]) + text
    return f"{prefix}_{text}{_DIGITS[number % _CHECK_MODULUS]}"


def database_id(prefix: str, text: str) -> int | None:
    """Return the database id behind a public id, or None when prefix, digits or check character are wrong."""
    head, _, body = text.partition("_")
    if head.lower() != prefix or not 2 <= len(body) <= 14:
        return None
    try:
        number = int(body[:-1].upper().translate(_READ), 32)
    except ValueError:
        return None
    if number <= 0 or number >= 1 << 63 or _DIGITS[number % _CHECK_MODULUS] != body[-1].upper():
        return None
    return number

"""Identifiers of parties, instruments and accounts: what is wrong with one, in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import resources

from stdnum import bic, cusip, exceptions, figi, iban, isin, lei
from stdnum.de import wkn
from stdnum.gb import sedol

_VALIDATORS: dict[str, Callable[[str], str]] = {
    "ISIN": isin.validate,
    "CUSIP": cusip.validate,
    "SEDOL": sedol.validate,
    "FIGI": figi.validate,
    "WKN": wkn.validate,
    "LEI": lei.validate,
    "BIC": bic.validate,
    "IBAN": iban.validate,
}
_LIKE_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_MIC = re.compile(r"[A-Z0-9]{4}")


def identifier_fault(*, scheme: str, value: str) -> str | None:
    """Return what is wrong with an identifier, or None when it is right or its scheme has no rule.

    Schemes with a rule: ISIN, CUSIP, SEDOL, FIGI, WKN, LEI, BIC, IBAN. The value must be in canonical form:
    upper case, without spaces.
    """
    validate = _VALIDATORS.get(scheme)
    if validate is None:
        return None
    try:
        canonical = validate(value)
    except exceptions.InvalidChecksum:
        return f"The check digit of this {scheme} is wrong."
    except exceptions.InvalidLength:
        return f"The length of this {scheme} is wrong."
    except exceptions.ValidationError:
        return f"This is not a well-formed {scheme}."
    return None if canonical == value else f"Write the {scheme} as {canonical}."


def account_fault(account: str) -> str | None:
    """Return what is wrong with an account that looks like an IBAN, or None."""
    if _LIKE_IBAN.fullmatch(account):
        return identifier_fault(scheme="IBAN", value=account)
    return None


def is_mic(code: str) -> bool:
    """Tell whether a code has the form of a market identifier (ISO 10383)."""
    return _MIC.fullmatch(code) is not None


@cache
def countries() -> frozenset[str]:
    """Return the country codes of ISO 3166-1 alpha-2, from the time zone database's own list."""
    listed = (resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    return frozenset(line[:2] for line in listed.splitlines() if not line.startswith("#"))

"""From a request to a draft of how a check is to be set: every fault is named."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from core.http.problem import Fault, Problem, unreadable
from core.ids import PROPOSAL, database_id
from risk.services.back_test import DEFAULT_DAYS
from risk.services.parameters import Draft

MAX_BYTES = 64 * 1024
DRAFT_FIELDS = ("active", "severity", "parameters", "scope", "valid_from")


@dataclass(frozen=True)
class Asked:
    """What a request asks for: how the check is to be set, and why."""

    draft: Draft
    reason: str


def read_proposal(body: bytes) -> Asked:
    """Return what a body asks for; Problem 400 with every fault of its form, 413 when it is too large."""
    faults: list[Fault] = []
    document = read_object(body, known=(*DRAFT_FIELDS, "reason"), faults=faults)
    draft = read_draft(document, faults)
    reason = read_text(document, "reason", faults)
    if faults:
        raise unreadable(faults)
    return Asked(draft, reason or "")


@dataclass(frozen=True)
class AskedBackTest:
    """What a back-test is asked of: a proposal, or a check set as a draft says; and over how many days."""

    proposal_id: int | None
    code: str
    draft: Draft
    days: int


def read_back_test(body: bytes) -> AskedBackTest:
    """Return what a body asks for; Problem 400 with every fault of its form, 413 when it is too large."""
    faults: list[Fault] = []
    known = ("proposal", "check", "days", *DRAFT_FIELDS)
    document = read_object(body, known=known, faults=faults)
    draft = read_draft(document, faults)
    reference, code = read_text(document, "proposal", faults), read_text(document, "check", faults)
    if document.get("proposal") is None and document.get("check") is None:
        faults.append(Fault("/check", "Either a check or a proposal.", "missing"))
    if reference is not None:
        faults += [
            Fault(f"/{name}", "A proposal says this itself.", "conflict")
            for name in ("check", *DRAFT_FIELDS)
            if name in document
        ]
    days = document.get("days", DEFAULT_DAYS)
    if isinstance(days, bool) or not isinstance(days, int):
        faults.append(Fault("/days", "A whole number of days.", "type"))
    proposal_id = None if reference is None else database_id(PROPOSAL, reference)
    if reference is not None and proposal_id is None:
        faults.append(Fault("/proposal", "A proposal such as prp_77.", "unknown"))
    if faults:
        raise unreadable(faults)
    return AskedBackTest(proposal_id, code or "", draft, days)


def read_object(body: bytes, *, known: Collection[str], faults: list[Fault]) -> dict[str, Any]:
    """Return the JSON object in a body; Problem 400 when it is none. Fields that are not known are faults."""
    if len(body) > MAX_BYTES:
        raise Problem(413, "too-large", f"This request is at most {MAX_BYTES:,} bytes.")
    try:
        document: Any = msgspec.json.decode(body or b"{}")
    except msgspec.DecodeError as error:
        raise unreadable([Fault("", str(error), "malformed")]) from None
    if not isinstance(document, dict):
        raise unreadable([Fault("", "A JSON object.", "type")])
    faults += [
        Fault(f"/{_escape(name)}", "There is no such field.", "unknown-field")
        for name in document
        if name not in known
    ]
    return document


def read_draft(document: Mapping[str, Any], faults: list[Fault]) -> Draft:
    """Return the draft in an object's fields; add what is wrong with them to the faults."""
    active = document.get("active")
    if active is not None and not isinstance(active, bool):
        faults.append(Fault("/active", "Either true or false.", "type"))
        active = None
    return Draft(
        is_active=active,
        severity=read_text(document, "severity", faults),
        parameters=_texts_by_name(document, "parameters", faults),
        scope=_lists_by_name(document, "scope", faults),
        valid_from=_day(document, "valid_from", faults),
    )


def read_text(document: Mapping[str, Any], name: str, faults: list[Fault]) -> str | None:
    """Return a text, None when there is none; add what is wrong with it to the faults."""
    value = document.get(name)
    if value is None or isinstance(value, str):
        return value
    faults.append(Fault(f"/{name}", "A text.", "type"))
    return None


def _texts_by_name(document: Mapping[str, Any], name: str, faults: list[Fault]) -> dict[str, str] | None:
    given = _object(document, name, faults)
    if given is None:
        return None
    wrong = [key for key, value in given.items() if not isinstance(value, str)]
    faults += [Fault(f"/{name}/{_escape(key)}", "A decimal number as text.", "type") for key in wrong]
    return {key: value for key, value in given.items() if key not in wrong}


def _lists_by_name(
    document: Mapping[str, Any], name: str, faults: list[Fault]
) -> dict[str, list[str]] | None:
    given = _object(document, name, faults)
    if given is None:
        return None
    wrong = [
        key
        for key, value in given.items()
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value)
    ]
    faults += [Fault(f"/{name}/{_escape(key)}", "A list of texts.", "type") for key in wrong]
    return {key: value for key, value in given.items() if key not in wrong}


def _object(document: Mapping[str, Any], name: str, faults: list[Fault]) -> dict[str, Any] | None:
    value = document.get(name)
    if value is None or isinstance(value, dict):
        return value
    faults.append(Fault(f"/{name}", "An object.", "type"))
    return None


def _day(document: Mapping[str, Any], name: str, faults: list[Fault]) -> date | None:
    value = document.get(name)
    if value is None:
        return None
    try:
        return msgspec.convert(value, date)
    except msgspec.ValidationError:
        faults.append(Fault(f"/{name}", "A date such as 2026-11-23.", "type"))
        return None


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")

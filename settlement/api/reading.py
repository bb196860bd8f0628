"""From bytes to what the services take: every fault of a body is named, with its JSON pointer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, cast

import msgspec

from core.contents import contents
from core.http.body import JsonBody
from core.http.problem import Fault, Problem, unreadable
from core.ids import INSTRUCTION, database_id
from settlement.channel_codes import channel_codes
from settlement.services.acknowledge import MAX_ITEMS, Answer, Control
from settlement.services.hold import Wanted
from settlement.services.standing import KINDS, Kind, Report

MAX_BYTES = 8 * 1024 * 1024  # 10,000 items of any sensible width
DEFAULT_LEASE_SECONDS = 300
REASON = r"[A-Za-z0-9_.-]{1,35}"
QUANTITY = r"[0-9]{1,18}(\.[0-9]{1,10})?"
_REASON = re.compile(REASON)
_QUANTITY = re.compile(QUANTITY)
_TOTAL = re.compile(r"[0-9]{1,28}(\.[0-9]{1,10})?")  # a sum may be wider than any quantity in it
DIRECTIONS = ("DELIVER", "RECEIVE", "NIL")
_ANSWERS = ("ACCEPTED", "REJECTED")
HOLD_TEXTS = ("kind", "subject", "channel", "asset")
RECALL_ANSWERS = ("CONSENT", "REFUSE")
MAX_ASSETS = MAX_ITEMS
MAX_ASSET_LENGTH = 64


class _Faults:
    """The faults of one body, as they are found."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, pointer: str, detail: str, code: str = "invalid") -> None:
        self.found.append(Fault(pointer, detail, code))

    def known_keys(self, document: Mapping[str, Any], pointer: str, known: tuple[str, ...]) -> None:
        for key in document:
            if key not in known:
                self.add(f"{pointer}/{_escape(key)}", "There is no such field.", "unknown-field")

    def required(self, document: Mapping[str, Any], pointer: str, name: str) -> bool:
        if name not in document:
            self.add(f"{pointer}/{name}", "This field is required.", "missing")
        return name in document

    def raise_if_any(self) -> None:
        if self.found:
            raise unreadable(self.found)


def read_lease(body: bytes) -> int:
    """Return the seconds of a claim; Problem 400 when they cannot be read. An empty body is the default."""
    if not body.strip():
        return DEFAULT_LEASE_SECONDS
    document, faults = _document(body), _Faults()
    faults.known_keys(document, "", ("lease_seconds",))
    seconds = _lease(document, faults)
    faults.raise_if_any()
    return seconds


def read_next_claim(body: bytes) -> tuple[str, int]:
    """Return the channel and the seconds of a claim of the next batch; Problem 400 with every fault."""
    document, faults = _document(body), _Faults()
    faults.known_keys(document, "", ("channel", "lease_seconds"))
    seconds = _lease(document, faults)
    if faults.required(document, "", "channel") and document["channel"] not in channel_codes():
        faults.add("/channel", f"One of {', '.join(channel_codes())}.")
    faults.raise_if_any()
    return str(document["channel"]), seconds


def read_recall_answer(body: bytes) -> tuple[bool, str]:
    """Return whether a consumer consents to a recall, and its reason; Problem 400 with every fault."""
    document, faults = _document(body), _Faults()
    faults.known_keys(document, "", ("answer", "reason"))
    if faults.required(document, "", "answer") and document["answer"] not in RECALL_ANSWERS:
        faults.add("/answer", f"One of {', '.join(RECALL_ANSWERS)}.")
    if not isinstance(document.get("reason", ""), str):
        faults.add("/reason", "A text.", "type")
    faults.raise_if_any()
    return document["answer"] == RECALL_ANSWERS[0], document.get("reason", "")


def read_reason(body: bytes) -> str:
    """Return the reason of a body that has nothing else; Problem 400 with every fault."""
    given = JsonBody(body, known=("reason",))
    reason = given.text("reason", required=True)
    given.check()
    return reason or ""


def read_hold(body: bytes) -> tuple[Wanted, str]:
    """Return what is to be held, and why; Problem 400 with every fault."""
    given = JsonBody(body, known=("kind", "subject", "channel", "asset", "until", "reason"))
    texts = {name: given.text(name, required=name in ("kind", "subject")) or "" for name in HOLD_TEXTS}
    until, reason = given.day("until"), given.text("reason", required=True)
    given.check()
    return Wanted(**texts, until=until), reason or ""


def read_counts(body: bytes, *, measures: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return a back office's counts, channel → measure → count; Problem 400 with every fault."""
    document, faults = _document(body), _Faults()
    faults.known_keys(document, "", ("channels",))
    channels = document.get("channels")
    if not isinstance(channels, dict) or not channels:
        faults.add("/channels", f"An object of counts by channel: {', '.join(channel_codes())}.")
        raise unreadable(faults.found)
    faults.known_keys(channels, "/channels", channel_codes())
    counts: dict[str, dict[str, int]] = {}
    for channel, given in channels.items():
        pointer = f"/channels/{_escape(channel)}"
        if not isinstance(given, dict):
            faults.add(pointer, "An object of counts.", "type")
            continue
        faults.known_keys(given, pointer, tuple(measures))
        for measure in measures:
            if faults.required(given, pointer, measure) and not _is_count(given[measure]):
                faults.add(f"{pointer}/{measure}", "A whole number from 0 on.", "type")
        counts[channel] = given
    faults.raise_if_any()
    return counts


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _lease(document: Mapping[str, Any], faults: _Faults) -> int:
    seconds = document.get("lease_seconds", DEFAULT_LEASE_SECONDS)
    if isinstance(seconds, int) and not isinstance(seconds, bool):
        return seconds
    faults.add("/lease_seconds", "A whole number of seconds.", "type")
    return DEFAULT_LEASE_SECONDS


def read_acknowledgement(body: bytes) -> tuple[list[Answer], Control]:
    """Return the answers of a body and its control totals; Problem 400 with every fault."""
    document, faults = _document(body), _Faults()
    faults.known_keys(document, "", ("items", "control_totals"))
    answers: list[Answer] = []
    seen: dict[tuple[str, int], int] = {}
    for at, item in enumerate(_items(document, faults)):
        answer = _answer(item, f"/items/{at}", faults)
        if answer is None:
            continue
        line = (answer.prefix, answer.instruction_id)
        if line in seen:
            name = "instruction" if answer.prefix == INSTRUCTION else "record"
            faults.add(f"/items/{at}/{name}", f"It is answered in item {seen[line]} already.", "twice")
        seen.setdefault(line, at)
        answers.append(answer)
    control = _control(document, faults)
    faults.raise_if_any()
    return answers, control


def read_reports(body: bytes) -> list[Report]:
    """Return the status reports of a body; Problem 400 with every fault."""
    document, faults = _document(body), _Faults()
    faults.known_keys(document, "", ("items",))
    reports = [
        report
        for at, item in enumerate(_items(document, faults))
        if (report := _report(item, f"/items/{at}", faults)) is not None
    ]
    faults.raise_if_any()
    return reports


def _document(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise Problem(413, "too-large", f"The body is at most {MAX_BYTES:,} bytes.")
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise unreadable([Fault("", f"This is not JSON: {error}.", "malformed")]) from None
    if not isinstance(document, dict):
        raise unreadable([Fault("", "A JSON object is expected.", "type")])
    return document


def _items(document: Mapping[str, Any], faults: _Faults) -> list[Any]:
    if not faults.required(document, "", "items"):
        return []
    items = document["items"]
    if not isinstance(items, list):
        faults.add("/items", "A list is expected.", "type")
        return []
    if len(items) > MAX_ITEMS:
        raise Problem(413, "too-many-items", f"At most {MAX_ITEMS:,} items, not {len(items):,}.")
    if not items:
        faults.add("/items", "At least one item.", "empty")
    return items


def _answer(item: Any, pointer: str, faults: _Faults) -> Answer | None:
    if not _is_object(item, pointer, faults):
        return None
    named = "record" if "record" in item else "instruction"
    faults.known_keys(item, pointer, (named, "status", "reason"))
    before = len(faults.found)
    prefix, number = (
        _record(item, pointer, faults)
        if named == "record"
        else (INSTRUCTION, _instruction(item, pointer, faults))
    )
    status = _one_of(item, pointer, "status", _ANSWERS, faults)
    reason = _reason(item, pointer, faults, needed=status == "REJECTED", allowed=status != "ACCEPTED")
    if len(faults.found) > before:
        return None
    return Answer(number, cast(Literal["ACCEPTED", "REJECTED"], status), reason, prefix)


def _report(item: Any, pointer: str, faults: _Faults) -> Report | None:
    if not _is_object(item, pointer, faults):
        return None
    faults.known_keys(item, pointer, ("instruction", "status", "reason", "quantity"))
    before = len(faults.found)
    instruction_id = _instruction(item, pointer, faults)
    kind = _one_of(item, pointer, "status", KINDS, faults)
    reason = _reason(item, pointer, faults, needed=kind == "FAILED", allowed=kind != "SETTLED")
    quantity = None
    if kind == "PARTIAL":
        if faults.required(item, pointer, "quantity"):
            quantity = _decimal(item["quantity"], f"{pointer}/quantity", _QUANTITY, faults)
    elif "quantity" in item:
        faults.add(f"{pointer}/quantity", "Only a PARTIAL report has a quantity.", "unexpected")
    if len(faults.found) > before:
        return None
    return Report(instruction_id, cast(Kind, kind), reason, quantity)


def _control(document: Mapping[str, Any], faults: _Faults) -> Control:
    pointer = "/control_totals"
    if not faults.required(document, "", "control_totals"):
        return Control(0, {})
    control = document["control_totals"]
    if not _is_object(control, pointer, faults):
        return Control(0, {})
    faults.known_keys(control, pointer, ("count", "totals"))
    count = control.get("count")
    if faults.required(control, pointer, "count") and (not isinstance(count, int) or isinstance(count, bool)):
        faults.add(f"{pointer}/count", "A whole number.", "type")
    totals = control.get("totals", {})
    if not faults.required(control, pointer, "totals") or not _is_object(totals, f"{pointer}/totals", faults):
        return Control(0, {})
    if len(totals) > MAX_ASSETS:
        faults.add(f"{pointer}/totals", f"At most {MAX_ASSETS:,} assets.", "too-many")
        return Control(0, {})
    return Control(
        count if isinstance(count, int) else 0,
        {
            asset: _directions(by_direction, f"{pointer}/totals/{_escape(asset)}", faults)
            for asset, by_direction in totals.items()
        },
    )


def _directions(by_direction: Any, pointer: str, faults: _Faults) -> dict[str, Decimal]:
    if len(pointer) > MAX_ASSET_LENGTH + len("/control_totals/totals/"):
        faults.add(
            pointer[:MAX_ASSET_LENGTH], f"An asset has at most {MAX_ASSET_LENGTH} characters.", "length"
        )
        return {}
    if not _is_object(by_direction, pointer, faults):
        return {}
    known = (*DIRECTIONS, *(each for content in contents() for each in content.directions))
    faults.known_keys(by_direction, pointer, known)
    found = {}
    for direction in known:
        if direction in by_direction:
            total = _decimal(by_direction[direction], f"{pointer}/{direction}", _TOTAL, faults)
            if total is not None:
                found[direction] = total
    return found


def _is_object(value: Any, pointer: str, faults: _Faults) -> bool:
    if not isinstance(value, dict):
        faults.add(pointer, "An object is expected here.", "type")
    return isinstance(value, dict)


def _instruction(item: Mapping[str, Any], pointer: str, faults: _Faults) -> int:
    if not faults.required(item, pointer, "instruction"):
        return 0
    reference = item["instruction"]
    found = database_id(INSTRUCTION, reference) if isinstance(reference, str) else None
    if found is None:
        faults.add(
            f"{pointer}/instruction", "Not the id of an instruction: `ins_…`, as in its line.", "format"
        )
    return found or 0


def _record(item: Mapping[str, Any], pointer: str, faults: _Faults) -> tuple[str, int]:
    """Return the prefix and the number of a record's public id."""
    reference = item["record"]
    for content in contents():
        found = database_id(content.prefix, reference) if isinstance(reference, str) else None
        if found is not None:
            return content.prefix, found
    known = ", ".join(f"`{content.prefix}_…`" for content in contents())
    faults.add(f"{pointer}/record", f"Not the id of a record: {known}, as in its line.", "format")
    return "", 0


def _one_of(
    item: Mapping[str, Any], pointer: str, name: str, allowed: tuple[str, ...], faults: _Faults
) -> str:
    if not faults.required(item, pointer, name):
        return ""
    value = item[name]
    if not isinstance(value, str) or value not in allowed:
        faults.add(f"{pointer}/{name}", f"One of {', '.join(allowed)}.", "unknown")
        return ""
    return value


def _reason(item: Mapping[str, Any], pointer: str, faults: _Faults, *, needed: bool, allowed: bool) -> str:
    if "reason" not in item:
        if needed:
            faults.add(f"{pointer}/reason", "A reason code is required.", "missing")
        return ""
    reason = item["reason"]
    if not allowed:
        faults.add(f"{pointer}/reason", "There is nothing to give a reason for.", "unexpected")
        return ""
    if not isinstance(reason, str) or not _REASON.fullmatch(reason):
        faults.add(f"{pointer}/reason", "1 to 35 letters, digits, dots, dashes or underscores.", "format")
        return ""
    return reason


def _decimal(value: Any, pointer: str, pattern: re.Pattern[str], faults: _Faults) -> Decimal | None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        faults.add(pointer, "A decimal as a string, not negative, with at most 10 decimal places.", "format")
        return None
    return Decimal(value)


def _escape(key: str) -> str:
    """Escape a key for a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")

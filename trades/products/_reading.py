"""From bytes to typed messages: one fast decoder, and a slow reading that names every fault of a bad one."""

from __future__ import annotations

import re
import types
from contextlib import suppress
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from core.http.problem import Fault
from trades.products import PRODUCTS
from trades.products.base import MAX_DECIMALS, Message, date_fault, decimal_fault

# What the decoder raises for bytes that are no JSON document, or too deep, or not UTF-8 within a string.
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_UNTYPED = msgspec.json.Decoder(float_hook=Decimal)
# Made with the module, by one thread: msgspec completes a type on its first use, and a second thread that uses the
# unfinished one meanwhile brings the process down.
_DECODER: msgspec.json.Decoder[Message] = msgspec.json.Decoder(
    Union[tuple(product.message for product in PRODUCTS.values())]  # noqa: UP007 - made at run time
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MAX_DEPTH = 12


class Unreadable(Exception):  # noqa: N818
    """What was sent cannot be read as a trade."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("unreadable")
        self.faults = faults


def read_message(raw: bytes | msgspec.Raw) -> Message:
    """Return the typed message in one JSON document; Unreadable with every fault and its JSON pointer."""
    data = bytes(raw)
    try:
        message = _DECODER.decode(data)
    except _BROKEN:
        raise Unreadable(faults_of(data)) from None
    # A control character can only stand in JSON behind a backslash; DEL, which JSON allows, also plainly.
    if (b"\\" in data or b"\x7f" in data) and (faults := control_faults(msgspec.json.decode(data), "")):
        raise Unreadable(faults)
    return message


def read_document(document: dict[str, Any], *, declared: type[Message], given: Any) -> Message:
    """Return the typed message that an object says, of which all but `given` was read from a message before.

    declared: the message of its product. It may have decimals, dates and moments as they are; what is no message is
    read once more, as `read_message` does, which names every fault.
    """
    data = msgspec.json.encode(given)
    if b"\\" not in data and b"\x7f" not in data:
        with suppress(msgspec.ValidationError):
            return msgspec.convert(document, declared)
    return read_message(msgspec.json.encode(document))


def faults_of(data: bytes) -> list[Fault]:
    """Return every fault of a document that is no trade."""
    try:
        document = _UNTYPED.decode(data)
    except _BROKEN as error:
        return [Fault("", f"This is not JSON: {error}.", "malformed")]
    if not isinstance(document, dict):
        return [Fault("", "A trade is a JSON object.", "type")]
    if depth_of(document) > MAX_DEPTH:
        return [Fault("", f"The document is nested deeper than {MAX_DEPTH} levels.", "too-deep")]
    faults = control_faults(document, "")
    product = PRODUCTS.get(document.get("product", "")) if _is_text(document.get("product", "")) else None
    if product is None:
        known = ", ".join(PRODUCTS)
        missing = "product" not in document
        faults.append(Fault("/product", f"One of {known}.", "missing" if missing else "unknown-product"))
    declared = product.message if product else Message
    known_anyway = {"product"} if product else {"product", *_every_field()}
    faults += _struct_faults(document, declared, "", known_anyway)
    return faults or [Fault("", "The document cannot be read as a trade.")]


@cache
def _every_field() -> frozenset[str]:
    return frozenset(
        field.name for product in PRODUCTS.values() for field in msgspec.structs.fields(product.message)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def depth_of(value: Any) -> int:
    """Return the nesting of a document, counted without recursion."""
    deepest = 0
    stack = [(value, 1)]
    while stack:
        item, level = stack.pop()
        deepest = max(deepest, level)
        if isinstance(item, dict):
            stack += [(each, level + 1) for each in item.values()]
        elif isinstance(item, list):
            stack += [(each, level + 1) for each in item]
    return deepest


def control_faults(value: Any, pointer: str) -> list[Fault]:
    if isinstance(value, str):
        if _CONTROL.search(value):
            return [Fault(pointer, "Control characters are not allowed.", "control-character")]
        return []
    if isinstance(value, dict):
        return [
            fault
            for key, each in value.items()
            for fault in (
                *control_faults(key, f"{pointer}/{_escape(key)}"),
                *control_faults(each, f"{pointer}/{_escape(key)}"),
            )
        ]
    if isinstance(value, list):
        return [fault for at, each in enumerate(value) for fault in control_faults(each, f"{pointer}/{at}")]
    return []


def _escape(key: str) -> str:
    """Escape a key for a JSON pointer (RFC 6901)."""
    return _CONTROL.sub("?", key).replace("~", "~0").replace("/", "~1")


def _struct_faults(
    document: Any, declared: type[Struct], pointer: str, known: set[str] | frozenset[str] = frozenset()
) -> list[Fault]:
    if not isinstance(document, dict):
        return [Fault(pointer, "An object is expected here.", "type")]
    fields = {field.name: field for field in msgspec.structs.fields(declared)}
    faults = [
        Fault(f"{pointer}/{_escape(key)}", "There is no such field.", "unknown-field")
        for key in document
        if key not in fields and key not in known
    ]
    for name, field in fields.items():
        if name in document:
            faults += _value_faults(document[name], field.type, f"{pointer}/{name}")
        elif field.required:
            faults.append(Fault(f"{pointer}/{name}", "This field is required.", "missing"))
    return faults or _joint_faults(document, declared, pointer)


def _joint_faults(document: Any, declared: type[Struct], pointer: str) -> list[Fault]:
    """Return what is wrong with fields together that are right one by one."""
    try:
        msgspec.convert(document, declared)
    except msgspec.ValidationError as error:
        return [Fault(pointer, f"{str(error).split(' - at')[0]}.", "joint")]
    return []


def _value_faults(value: Any, declared: Any, pointer: str) -> list[Fault]:
    inner = _unwrap(declared, value)
    if isinstance(inner, type) and issubclass(inner, Struct):
        return _struct_faults(value, inner, pointer)
    if get_origin(inner) is list and isinstance(value, list):
        (item,) = get_args(inner)
        nested = [
            fault for at, each in enumerate(value) for fault in _value_faults(each, item, f"{pointer}/{at}")
        ]
        if nested:
            return nested
    try:
        converted = msgspec.convert(value, declared)
    except msgspec.ValidationError as error:
        told = str(error).split(" - at")[0]
        plain = "A decimal number such as 1250.5" if told == "Invalid decimal string" else told
        return [Fault(pointer, f"{plain}.", "type")]
    if isinstance(converted, Decimal) and (fault := decimal_fault(converted, _decimals(declared))):
        return [Fault(pointer, f"The number {fault}.", "scale")]
    if isinstance(converted, date) and (fault := date_fault(converted)):
        return [Fault(pointer, f"The date {fault}.", "range")]
    return []


def _decimals(declared: Any) -> int:
    """Return how many decimal places a field may have."""
    parts = [declared, *get_args(declared)]
    marks = [mark for part in parts for mark in getattr(part, "__metadata__", ())]
    return next((mark.extra["decimals"] for mark in marks if getattr(mark, "extra", None)), MAX_DECIMALS)


def _unwrap(declared: Any, value: Any) -> Any:
    """Return the type inside Annotated and the first that is not None or unset of a union."""
    while hasattr(declared, "__metadata__"):
        declared = declared.__origin__
    if get_origin(declared) in (Union, types.UnionType):
        rest = [each for each in get_args(declared) if each not in (type(None), msgspec.UnsetType)]
        if value is not None and len(rest) == 1:
            return _unwrap(rest[0], value)
    return declared

"""From XML to reports: one message, or several in any one element around them.

The parser takes nothing from outside and expands nothing: a document type is refused before it is parsed, and size
and depth are bounded.
"""

from __future__ import annotations

import re

from lxml import etree

from core.http.problem import Fault, Problem, unreadable
from settlement.api.messages import MESSAGES
from settlement.api.messages.base import Element, Reading, StatusMessage, name_of
from settlement.services.report import MAX_ITEMS
from settlement.services.standing import Report

MEDIA_TYPES = ("application/xml", "text/xml")
MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 32
_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:([a-z]{4}\.[0-9]{3})\.[0-9.]+")


def is_xml(content_type: str) -> bool:
    """Tell whether a body says that it is XML."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in MEDIA_TYPES or media_type.endswith("+xml")


def read_messages(body: bytes) -> list[Report]:
    """Return the reports of a body; Problem 400 with every fault, 413 when it is too large or says too much."""
    root = _parsed(body)
    documents = [root] if name_of(root) == "Document" else [each for each in root if _is_document(each)]
    if not documents:
        raise unreadable(
            [Fault("", "A Document of ISO 20022 is expected, or an element around several.", "missing")]
        )
    reports: list[Report] = []
    faults: list[Fault] = []
    for at, document in enumerate(documents):
        reading = Reading("/Document" if len(documents) == 1 else f"/Document/{at}")
        reports += _reports(document, reading)
        faults += reading.faults
        if len(reports) > MAX_ITEMS:
            raise Problem(413, "too-many-items", f"At most {MAX_ITEMS:,} statuses and reasons.")
    if faults:
        raise unreadable(faults)
    return reports


def _reports(document: Element, reading: Reading) -> list[Report]:
    message = _message(document)
    if message is None or not len(document):
        namespace = etree.QName(document).namespace or ""
        reading.faults.append(
            Fault(
                reading.pointer,
                f"One of {', '.join(MESSAGES)} is expected, not {namespace or 'this'}.",
                "unknown",
            )
        )
        return []
    return list(message.read(document[0], reading))


def _message(document: Element) -> StatusMessage | None:
    found = _NAMESPACE.fullmatch(etree.QName(document).namespace or "")
    return MESSAGES.get(found[1]) if found else None


def _is_document(element: Element) -> bool:
    return isinstance(element.tag, str) and name_of(element) == "Document"


def _parsed(body: bytes) -> Element:
    if len(body) > MAX_BYTES:
        raise Problem(413, "too-large", f"The body is at most {MAX_BYTES:,} bytes.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _malformed("It must be in UTF-8") from None
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _malformed("A document type and entities are not taken")
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise _malformed(f"This is not XML: {error.msg}") from None
    _require_shallow(root)
    return root


def _require_shallow(root: Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise _malformed(f"Elements stand at most {MAX_DEPTH} deep")


def _malformed(why: str) -> Problem:
    return unreadable([Fault("", f"{why}.", "malformed")])

"""From XML to reports: one message, or several in any one element around them."""

from __future__ import annotations

import re

from core.http.problem import Fault, Problem, unreadable
from core.xml import Element, name_of, namespace_of, parse_xml
from settlement.api.messages import MESSAGES
from settlement.api.messages.base import Reading, StatusMessage
from settlement.services.report import MAX_ITEMS
from settlement.services.standing import Report

MAX_BYTES = 8 * 1024 * 1024
_NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:([a-z]{4}\.[0-9]{3})\.[0-9.]+")


def read_messages(body: bytes) -> list[Report]:
    """Return the reports of a body; Problem 400 with every fault, 413 when it is too large or says too much."""
    root = parse_xml(body, most=MAX_BYTES)
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
        namespace = namespace_of(document)
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
    found = _NAMESPACE.fullmatch(namespace_of(document))
    return MESSAGES.get(found[1]) if found else None


def _is_document(element: Element) -> bool:
    return isinstance(element.tag, str) and name_of(element) == "Document"

"""XML that comes from outside, read without trust: nothing is taken from elsewhere and nothing is expanded.

A document type is refused before anything is parsed, and size and depth are bounded.
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from core.http.problem import Fault, Problem, unreadable

MEDIA_TYPES = ("application/xml", "text/xml")
MAX_DEPTH = 32
Element = Any  # lxml's own type says less than its stubs


def is_xml(content_type: str) -> bool:
    """Tell whether a body says that it is XML."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in MEDIA_TYPES or media_type.endswith("+xml")


def parse_xml(body: bytes, *, most: int) -> Element:
    """Return the root of a document of at most `most` bytes; Problem 413 when it is larger, 400 when it is not one."""
    if len(body) > most:
        raise Problem(413, "too-large", f"The body is at most {most:,} bytes.")
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


def child(parent: Element, path: str) -> Element | None:
    """Return the first element at a path of local names, whatever their namespace."""
    return parent.find("/".join(f"{{*}}{name}" for name in path.split("/")))


def children(parent: Element, name: str) -> list[Element]:
    """Return the elements of a local name directly below one, whatever their namespace."""
    return list(parent.findall(f"{{*}}{name}"))


def text_of(parent: Element, path: str) -> str:
    """Return the text of the first element at a path of local names, without spaces around; empty where none is."""
    found = child(parent, path)
    return "" if found is None else (found.text or "").strip()


def name_of(element: Element) -> str:
    """Return the local name of an element."""
    return str(etree.QName(element).localname)


def namespace_of(element: Element) -> str:
    """Return the namespace of an element, empty where it has none."""
    return etree.QName(element).namespace or ""


def path_of(element: Element) -> str:
    """Return where an element stands below its message: local names, with a number where there are several."""
    parts = []
    while (parent := element.getparent()) is not None and name_of(element) != "Document":
        same = [each for each in parent if isinstance(each.tag, str) and name_of(each) == name_of(element)]
        parts.append(name_of(element) + (f"/{same.index(element)}" if len(same) > 1 else ""))
        element = parent
    return "".join(f"/{part}" for part in reversed(parts))


def _require_shallow(root: Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise _malformed(f"Elements stand at most {MAX_DEPTH} deep")


def _malformed(why: str) -> Problem:
    return unreadable([Fault("", f"{why}.", "malformed")])

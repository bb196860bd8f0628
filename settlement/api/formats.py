"""How a batch is asked for in a format: by `format=`, or by Accept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from core.contents import content_of
from core.http.problem import Fault, Problem, render, unreadable
from settlement.api.ranges import Unsatisfiable, byte_range
from settlement.formats import FORMATS
from settlement.formats.base import Format
from settlement.selectors import content
from settlement.services.exports import export_batch, export_records

JSON = "json"
LINES = ("all", "carried")


def _renderer(format: Format) -> type[JSONRenderer]:
    """Return a renderer that lets a client ask for a format; errors leave as problem+json, and the view streams."""
    return type(
        f"{format.code}Renderer", (JSONRenderer,), {"media_type": format.media_type, "format": format.code}
    )


RENDERERS: tuple[type[BaseRenderer], ...] = (JSONRenderer, *(_renderer(each) for each in FORMATS.values()))


class Negotiation(DefaultContentNegotiation):
    """Names an unknown `format=` as a fault of the request."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        """Return the renderers of a format; Problem 400 when there are none."""
        found = [each for each in renderers if each.format == format]
        if not found:
            raise unreadable([Fault("query:format", f"One of {', '.join((JSON, *FORMATS))}.", "unknown")])
        return found


def format_of(request: Request) -> Format | None:
    """Return the format that a request asks for, or None for pages of JSON."""
    accepted = getattr(request, "accepted_renderer", None)
    return FORMATS.get(accepted.format) if accepted else None


def stream(request: Request, batch: Mapping[str, Any], format: Format) -> HttpResponseBase:
    """Return a batch in a format as one stream: of the canonical one also a range of its bytes."""
    wanted = request.query_params.get("lines", "all")
    if wanted not in LINES:
        raise unreadable([Fault("query:lines", f"One of {', '.join(LINES)}.", "unknown")])
    if format.lines is None:
        return _stored(request, batch, format)
    headers = _headers(f'"{batch["sha256"]}-{format.code}-{format.revision}-{wanted}"')
    if _is_known(request, headers["ETag"]):
        return HttpResponse(status=304, headers=headers)
    kind = content_of(batch["channel"])
    if kind is None:
        body = export_batch(batch=batch, format=format, carried_only=wanted == "carried")
    else:
        body = export_records(batch=batch, kind=kind, format=format)
    return _streamed(request, body, format, headers)


def _stored(request: Request, batch: Mapping[str, Any], format: Format) -> HttpResponseBase:
    """Return the batch's canonical bytes, or the range of them that was asked for, as they are stored."""
    etag, size = f'"{batch["sha256"]}"', batch["byte_count"]
    headers = {**_headers(etag), "Accept-Ranges": "bytes"}
    if _is_known(request, etag):
        return HttpResponse(status=304, headers=headers)
    wanted = None
    if request.headers.get("If-Range", etag) == etag:
        try:
            wanted = byte_range(request.headers.get("Range", ""), size)
        except Unsatisfiable:
            problem = Problem(
                416,
                "range-not-satisfiable",
                f"The batch has {size} bytes.",
                headers={**headers, "Content-Range": f"bytes */{size}"},
            )
            return render(problem)
    start, stop = wanted or (0, size)
    headers["Content-Length"] = str(stop - start)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    status = 200 if wanted is None else 206
    return _streamed(request, content(batch["id"], start=start, stop=stop), format, headers, status=status)


def _streamed(
    request: Request, body: Iterator[bytes], format: Format, headers: dict[str, str], *, status: int = 200
) -> HttpResponseBase:
    return StreamingHttpResponse(
        iter(()) if request.method == "HEAD" else body,
        status=status,
        content_type=format.media_type,
        headers=headers,
    )


def _headers(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": "private, no-transform"}


def _is_known(request: Request, etag: str) -> bool:
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or etag in known or f"W/{etag}" in known

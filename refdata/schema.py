"""The description of the reference data API: schemas and examples come from the kinds' declarations."""

from __future__ import annotations

from typing import Any

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from refdata.kinds.base import Kind
from refdata.services import KINDS


def _row_schema(kind: Kind) -> dict[str, Any]:
    """Return the JSON schema of a kind's row, inline."""
    (_,), components = msgspec.json.schema_components([kind.row_type])
    return {**components[type(kind).__name__], "title": kind.code}


def _rows(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["items"],
        "properties": {"items": {"type": "array", "maxItems": 10_000, "items": schema}},
    }


_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_KIND = OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(KINDS))
_FILTERS = {
    name: ", ".join(kind.code for kind in KINDS.values() if name in kind.filters)
    for kind in KINDS.values()
    for name in kind.filters
}

load = extend_schema(
    operation_id="load_reference_data",
    tags=["reference data"],
    description=(
        "Insert or change rows of one kind. A field that is absent keeps its stored value, null sets its "
        "default. Rows that equal what is stored change nothing. SSIs need the scope ssis:load as well: whoever"
        " does not have it proposes a change of them (`/ssi-changes`)."
    ),
    parameters=[
        _KIND,
        OpenApiParameter(
            "Idempotency-Key",
            str,
            OpenApiParameter.HEADER,
            required=True,
            description="unique per intended change",
        ),
        OpenApiParameter(
            "mode", str, enum=["partial", "atomic"], description="atomic: one bad row stores nothing"
        ),
        OpenApiParameter("reason", str, description="why; it stands in the log with every change"),
    ],
    request={
        "application/json": _rows({"oneOf": [_row_schema(kind) for kind in KINDS.values()]}),
        "application/x-ndjson": {"type": "string"},
        "text/csv": {"type": "string"},
    },
    examples=[
        OpenApiExample(
            kind.code,
            value={"items": [kind.example]},
            request_only=True,
            media_type="application/json",
        )
        for kind in KINDS.values()
    ],
    responses={
        207: OpenApiResponse(OpenApiTypes.OBJECT, "one result per row, in order"),
        400: _PROBLEM,
        403: _PROBLEM,
        404: _PROBLEM,
        409: _PROBLEM,
        413: _PROBLEM,
        415: _PROBLEM,
        422: _PROBLEM,
    },
)
list_ = extend_schema(
    operation_id="list_reference_data",
    tags=["reference data"],
    parameters=[
        _KIND,
        *(OpenApiParameter(name, str, description=f"of {kinds}") for name, kinds in _FILTERS.items()),
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 100"),
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "items and next"),
        400: _PROBLEM,
        404: _PROBLEM,
    },
)

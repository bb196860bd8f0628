"""What the descriptions of the settlement API share."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True, description="unique per intended change"
)
REFERENCE = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the batch, `bat_…`")


def example(name: str, value: Any, *, response: bool = True, status: str = "200") -> OpenApiExample:
    """Return an example of an answer with a status, or of a request."""
    if response:
        return OpenApiExample(name, value=value, response_only=True, status_codes=[status])
    return OpenApiExample(name, value=value, request_only=True)


def object_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """Return the schema of an object that has these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }

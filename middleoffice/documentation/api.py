"""The table of the API's operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from middleoffice.documentation.markdown import table


def operations(schema: Mapping[str, Any]) -> str:
    """Return the table of the operations in the description of the API."""
    rows = []
    for path, methods in schema["paths"].items():
        described = [str(each.get("description", "")).split("\n", 1)[0] for each in methods.values()]
        for (method, operation), text in zip(methods.items(), described, strict=True):
            own = f": {text}" if text and described.count(text) == 1 else ""
            does = operation["operationId"].replace("_", " ") + own
            rows.append([f"`{method.upper()} {path}`", does, ", ".join(sorted(operation["responses"]))])
    return table(["operation", "what it does", "answers"], rows)

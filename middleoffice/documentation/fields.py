"""The fields of a message or a row, as a table, from the JSON schema of its type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from middleoffice.documentation.markdown import table, yes


def fields_of(schema: Mapping[str, Any]) -> str:
    """Return the table of the fields of an object."""
    required = schema.get("required", [])
    rows = [
        [f"`{name}`", type_of(each), yes(name in required), _default_of(each), _said_of(each)]
        for name, each in schema.get("properties", {}).items()
    ]
    return table(["field", "type", "required", "default", "meaning"], rows) if rows else "No fields."


def type_of(schema: Mapping[str, Any]) -> str:
    """Return in words the type of a field."""
    if "$ref" in schema:
        return f"[{schema['$ref']}](#{schema['$ref'].lower()})"
    if "anyOf" in schema:
        return " or ".join(type_of(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema['items'])}"
    words = {"decimal": "decimal", "date": "date", "date-time": "moment"}
    return words.get(schema.get("format", ""), {"string": "text"}.get(schema["type"], schema["type"]))


def _default_of(schema: Mapping[str, Any]) -> str:
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else ""


def _said_of(schema: Mapping[str, Any]) -> str:
    alternatives = [schema, *schema.get("anyOf", ())]
    said = [str(each[name]) for name in ("description", "title") for each in alternatives if name in each][:1]
    for each in alternatives:
        if "maxLength" in each:
            said.append(f"{each.get('minLength', 0)} to {each['maxLength']} characters")
        if "pattern" in each:
            said.append(f"`{each['pattern']}`")
        if "maximum" in each:
            said.append(f"{each['minimum']:,} to {each['maximum']:,}")
        if "maxItems" in each:
            said.append(f"{each.get('minItems', 0):,} to {each['maxItems']:,} items")
    return "; ".join(said)

"""How the API's description names its authentication."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

_BEARER = "The token of an API client. One that is limited to desks is let in where an operation says so."
_OF_DESKS = "Also for clients that are limited to desks, of these."


def tell_of_desks(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """Say at every operation that a client limited to desks may use that it is one."""
    for path, _, method, view in generator._get_paths_and_endpoints():
        told = result["paths"].get(path, {}).get(method.lower())
        if told is not None and method in getattr(view, "of_desks", ()):
            told["description"] = " ".join(filter(None, [told.get("description", ""), _OF_DESKS]))
    return result


class BearerScheme(OpenApiAuthenticationExtension):
    """Bearer tokens of API clients."""

    target_class = "core.http.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": _BEARER}

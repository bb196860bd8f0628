"""The public keys of the installation, for whoever verifies what it has signed."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from core.http.views import json_response
from core.signing import public_keys

_EXAMPLE = {
    "items": [
        {
            "key_id": "9c1185a5c5e9fc54",
            "algorithm": "ed25519",
            "public_key": "bWlkZGxlb2ZmaWNlIHB1YmxpYyBrZXkgZXhhbXBsZS4=",
            "first_used_at": "2026-11-24T18:00:04Z",
            "present": True,
        }
    ]
}


class Keys(APIView):
    """Every public key that has signed, also those of before a rotation, and the present one."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(
        operation_id="list_public_keys",
        tags=["keys"],
        auth=[],
        description=(
            "Manifests of batches and attestations name the key that signed them. Keep the keys that you trust: whoever"
            " can change the database could add one."
        ),
        examples=[OpenApiExample("One key", value=_EXAMPLE, response_only=True, status_codes=["200"])],
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "the keys, the first used first")},
    )
    def get(self, request: Request) -> HttpResponse:
        return json_response({"items": public_keys()})

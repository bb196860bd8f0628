"""Fee rules over the API: what they say, every version of that, and proposals of another."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from core.audit import encode
from core.clock import business_date, utc_now
from core.http.body import JsonBody
from core.http.cursor import page
from core.http.idempotency import Answer, answer_once
from core.http.problem import Fault
from core.http.views import RawParser, client_of, json_response
from core.ids import PROPOSAL, public_id
from refdata.fee_rules import (
    ANY,
    BASES,
    DIRECTIONS,
    SIDES,
    RuleTerms,
    RuleVersion,
    Tier,
    newest_versions,
    propose_rule,
    versions_of,
)

_PROBLEM = OpenApiResponse(OpenApiTypes.OBJECT, "application/problem+json")
_TAGS = ["fees"]
_CODE = OpenApiParameter("code", str, OpenApiParameter.PATH, description="the rule, `UK-STAMP`")
_DECIMAL: dict[str, Any] = {"type": "string", "description": "a decimal"}
_TEXTS = ("title", "type", "basis", "direction", "product", "market", "counterparty", "currency", "side")
_FIELDS = (*_TEXTS, "rate", "minimum", "maximum", "tiers", "stated", "active", "valid_from", "reason")
_BODY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "type": {"type": "string", "description": "as the front office calls it in `fees`"},
        "basis": {"enum": list(BASES)},
        "rate": {**_DECIMAL, "description": "basis points, or an amount in `currency`"},
        "direction": {"enum": list(DIRECTIONS), "description": "whether we pay it or receive it"},
        "stated": {"type": "boolean", "description": "the front office states it with its deal"},
        "product": {"type": "string", "default": ANY},
        "market": {"type": "string", "default": ANY},
        "counterparty": {"type": "string", "description": "a party's code; left out: every party"},
        "currency": {"type": "string", "default": ANY},
        "side": {"enum": list(SIDES), "default": ANY},
        "tiers": {
            "type": "array",
            "items": {"type": "object", "properties": {"from": _DECIMAL, "rate": _DECIMAL}},
            "description": "rates for the whole of a deal from a gross amount on",
        },
        "minimum": _DECIMAL,
        "maximum": _DECIMAL,
        "active": {"type": "boolean", "default": True},
        "valid_from": {
            "type": "string",
            "format": "date",
            "description": "the first trade date; left out: the day of the approval",
        },
        "reason": {"type": "string", "minLength": 1, "maxLength": 1000},
    },
    "required": ["title", "type", "basis", "rate", "direction", "stated", "reason"],
    "additionalProperties": False,
}
EXAMPLE: dict[str, Any] = {
    "title": "Stamp duty on British shares",
    "type": "STAMP_DUTY",
    "basis": "BPS",
    "rate": "50",
    "direction": "PAY",
    "stated": False,
    "product": "EQUITY",
    "market": "XLON",
    "side": "BUY",
    "reason": "The rate of the tax, as published.",
}


class FeeRules(APIView):
    """Every rule as its newest version says."""

    scopes: ClassVar = {"GET": "trades:read"}

    @extend_schema(
        operation_id="list_fee_rules",
        tags=_TAGS,
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "items: every rule, by code; next is null")},
    )
    def get(self, request: Request) -> HttpResponse:
        rules = newest_versions(on=business_date(utc_now()))
        return json_response(page([rule_document(each) for each in rules], next_key=None))


class FeeRule(APIView):
    """Every version of one rule, the newest first."""

    scopes: ClassVar = {"GET": "trades:read"}

    @extend_schema(
        operation_id="read_fee_rule",
        tags=_TAGS,
        parameters=[_CODE],
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "items: its versions; next is null"),
            404: _PROBLEM,
        },
    )
    def get(self, request: Request, code: str) -> HttpResponse:
        versions = versions_of(code, on=business_date(utc_now()))
        return json_response(page([rule_document(each) for each in versions], next_key=None))


class FeeRuleVersions(APIView):
    """Propose a new rule, or what a rule shall say from a day on; a person approves it."""

    scopes: ClassVar = {"POST": "refdata:write"}
    parser_classes = (RawParser,)

    @extend_schema(
        operation_id="propose_fee_rule",
        tags=_TAGS,
        parameters=[
            _CODE,
            OpenApiParameter(
                "Idempotency-Key",
                str,
                OpenApiParameter.HEADER,
                required=True,
                description="unique per intended change",
            ),
        ],
        request={"application/json": _BODY},
        examples=[OpenApiExample("A tax that the deals do not state", value=EXAMPLE, request_only=True)],
        responses={
            202: OpenApiResponse(OpenApiTypes.OBJECT, "the proposal, which a person must approve"),
            400: _PROBLEM,
            409: _PROBLEM,
            422: _PROBLEM,
        },
    )
    def post(self, request: Request, code: str) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        read = JsonBody(body, known=_FIELDS)
        terms = _terms(read)
        valid_from, reason = read.day("valid_from"), read.text("reason", required=True)
        read.check()

        def act() -> Answer:
            proposal_id = propose_rule(
                code=code,
                terms=terms,
                valid_from=valid_from,
                reason=reason or "",
                client_id=client.id,
                actor=client.actor(),
                now=now,
            )
            told = {"proposal": public_id(PROPOSAL, proposal_id), "rule": code, "state": "PENDING"}
            return Answer(202, encode(told).encode())

        return answer_once(request, client=client, now=now, body=body, act=act)


def _terms(read: JsonBody) -> RuleTerms:
    """Return what a body says; its faults stay in `read`, to be raised with the others."""
    stated = read.flag("stated")
    if "stated" not in read.given:
        read.faults.append(Fault("/stated", "This field is required.", "missing"))
    required = ("title", "type", "basis", "direction")
    texts = {name: read.text(name, required=name in required) for name in _TEXTS}
    active = read.flag("active")
    return RuleTerms(
        **{name: value or "" for name, value in texts.items() if value is not None or name in required},
        rate=read.decimal("rate", required=True) or Decimal(0),
        is_stated=bool(stated),
        minimum=read.decimal("minimum"),
        maximum=read.decimal("maximum"),
        tiers=_tiers(read),
        is_active=active is not False,
    )


def _tiers(read: JsonBody) -> tuple[Tier, ...]:
    given = read.given.get("tiers") or []
    if not isinstance(given, list):
        read.faults.append(Fault("/tiers", "A list.", "type"))
        return ()
    tiers = []
    for at, each in enumerate(given):
        inner = JsonBody(encode(each).encode(), known=("from", "rate")) if isinstance(each, dict) else None
        if inner is None:
            read.faults.append(Fault(f"/tiers/{at}", "An object.", "type"))
            continue
        start, rate = inner.decimal("from", required=True), inner.decimal("rate", required=True)
        read.faults += [
            Fault(f"/tiers/{at}{fault.pointer}", fault.detail, fault.code) for fault in inner.faults
        ]
        tiers.append(Tier(start or Decimal(0), rate or Decimal(0)))
    return tuple(tiers)


def rule_document(version: RuleVersion) -> dict[str, Any]:
    """Return a version of a rule as JSON-ready data: decimals as strings."""
    content = version.terms.content()
    return {
        "code": version.code,
        "version": version.version,
        "in_force": version.is_in_force,
        "valid_from": version.valid_from,
        **{
            ("stated" if name == "is_stated" else name): each
            for name, each in content.items()
            if name != "is_active"
        },
        "active": content["is_active"],
        "proposal": public_id(PROPOSAL, version.proposal_id),
        "proposed_by": version.maker,
        "approved_by": version.checker,
        "approved_at": version.approved_at,
        "reason": version.reason,
    }

"""The descriptions of the API of invoices."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from core.http.named import IN_QUERY as VIEW
from core.ids import INSTRUCTION, INVOICE, PROPOSAL, TRADE, public_id
from settlement.api.describing import KEY, PROBLEM, example, object_of

_HEAD: dict[str, Any] = {
    "id": public_id(INVOICE, 71),
    "kind": "INVOICE",
    "reference": "MERIDIAN-UK-INV-000071",
    "entity": "MERIDIAN-UK",
    "customer": "CUST-ALDERNEY",
    "billing": {
        "code": "CUST-ALDERNEY",
        "name": "Alderney Homeware Ltd",
        "country": "GB",
        "lei": None,
        "entity": {"code": "MERIDIAN-UK", "name": "Meridian Markets UK", "country": "GB", "lei": None},
    },
    "currency": "GBP",
    "invoice_date": "2026-11-25",
    "due_date": "2026-12-25",
    "trade": public_id(TRADE, 1234),
    "credits": None,
    "reason": "",
    "net": "119.40",
    "tax": "23.88",
    "gross": "143.28",
    "credited": "0.00",
    "issued_at": "2026-11-25T09:14:07Z",
}
_LINE = {
    "line": 1,
    "text": "Canvas apron, chalk",
    "quantity": "12",
    "unit_price": "9.95",
    "net": "119.40",
    "tax_rate": "20",
    "tax_rule": "UK-VAT",
    "tax_rule_version": 1,
    "tax": "23.88",
    "gross": "143.28",
    "trade": public_id(TRADE, 1234),
    "version": 1,
    "source": "SHOP",
    "source_ref": "O-4001",
    "item": "line 1",
    "instruction": public_id(INSTRUCTION, 5521),
    "accrual": 812,
    "credits_line": None,
}
CREDIT: dict[str, Any] = {
    "lines": [{"line": 1, "quantity": "3"}],
    "reason": "Three aprons came back with torn seams.",
}
_NOTE = {
    **_HEAD,
    "id": public_id(INVOICE, 72),
    "kind": "CREDIT_NOTE",
    "reference": "MERIDIAN-UK-CRN-000004",
    "credits": "MERIDIAN-UK-INV-000071",
    "reason": CREDIT["reason"],
    "net": "29.85",
    "tax": "5.97",
    "gross": "35.82",
    "lines": [{**_LINE, "quantity": "3", "net": "29.85", "tax": "5.97", "gross": "35.82", "credits_line": 1}],
}
_REFERENCE = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the invoice, `inv_…`")
_FORMAT = OpenApiParameter("format", str, description="`json`, or `csv` with a row for each line")

listing = extend_schema(
    operation_id="list_invoices",
    tags=["invoices"],
    parameters=[
        OpenApiParameter("customer", str, description="only of this party, by code"),
        OpenApiParameter("entity", str, description="only of this entity of ours, by code"),
        OpenApiParameter("kind", str, description="`INVOICE` or `CREDIT_NOTE`"),
        OpenApiParameter("currency", str, description="only in this currency"),
        OpenApiParameter("trade", str, description="only with a line of this trade, `trd_…`"),
        VIEW,
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="1 to 1000, default 100"),
        _FORMAT,
    ],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "items: invoices and credit notes without their lines; as CSV with them, and `Link` to the next page",
            examples=[example("An invoice", {"items": [_HEAD], "next": None})],
        ),
        400: PROBLEM,
    },
)
reading = extend_schema(
    operation_id="read_invoice",
    tags=["invoices"],
    parameters=[_REFERENCE, _FORMAT],
    responses={
        200: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "a line names the order's line, the delivery and the accrual that it bills",
            examples=[example("An invoice with its lines", {**_HEAD, "lines": [_LINE]})],
        ),
        400: PROBLEM,
        404: PROBLEM,
    },
)
crediting = extend_schema(
    operation_id="credit_invoice",
    tags=["invoices"],
    parameters=[_REFERENCE, KEY],
    request={
        "application/json": object_of(
            {
                "lines": {
                    "type": "array",
                    "description": "each with a quantity that came back, an amount before tax, or neither: all that is"
                    " open of it; no lines: all that is open of the invoice",
                    "items": object_of(
                        {
                            "line": {"type": "integer"},
                            "quantity": {"type": "string"},
                            "net": {"type": "string"},
                        },
                        ["line"],
                    ),
                },
                "reason": {"type": "string", "maxLength": 1000},
            },
            ["reason"],
        )
    },
    examples=[example("A return", CREDIT, response=False)],
    responses={
        201: OpenApiResponse(
            OpenApiTypes.OBJECT, "the credit note", examples=[example("A credit note", _NOTE, status="201")]
        ),
        202: OpenApiResponse(
            OpenApiTypes.OBJECT,
            "it waits for a second person",
            examples=[
                example("A proposal", {"proposal": public_id(PROPOSAL, 31), "state": "PENDING"}, status="202")
            ],
        ),
        400: PROBLEM,
        404: PROBLEM,
        409: PROBLEM,
        422: PROBLEM,
    },
)

"""The description of changes of calendars, with examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import PROPOSAL, TRADE, public_id
from refdata.services import KINDS
from settlement.api.describing import KEY, PROBLEM, example, object_of
from settlement.services.calendar_change import MAX_ROWS, OF
from settlement.services.calendar_effect import LISTED

_REFERENCE = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the proposal, `prp_…`")
_ROW = {**KINDS["holidays"].example, "calendar": "USD"}
_EFFECT = {"trades": 1, "deadlines": 0, "cut_offs": 0, "partial": False}
_EXAMPLE: dict[str, Any] = {
    "proposal": public_id(PROPOSAL, 9),
    "state": "PENDING",
    "kind": "holidays",
    "of": "USD",
    "reason": "A day of mourning, as announced.",
    "made_at": "2026-11-23T14:02:00Z",
    "decided_at": None,
    "decision_note": "",
    "changes": [{"key": "USD 2026-12-24", "before": None, "after": _ROW}],
    "effect_when_proposed": _EFFECT,
    "effect": {
        **_EFFECT,
        "dates": [
            {
                "trade": public_id(TRADE, 1234),
                "settlement_date": "2026-12-24",
                "before": "2026-12-24",
                "after": "2026-12-28",
            }
        ],
        "moments": [],
    },
}
_CHANGE = OpenApiResponse(
    OpenApiTypes.OBJECT,
    f"the proposal, and what it comes to now: counts, and the first {LISTED} of the open trades that would get another"
    " settlement date and of the cut-offs that would be other. Settlement dates that are stored stay as they are",
)

propose = extend_schema(
    operation_id="propose_calendar_change",
    tags=["settlement"],
    description=(
        "Propose other rows of the kind `holidays`, `settlement-cycles` or `cut-offs`, or of `channels`"
        " (`cut_off_zone`, `cut_off_time`, `lead_days`, `release_from`, `hold_release_from`), all of one calendar,"
        " product or channel. `withdrawn`: these holidays are to go. Nothing changes until a person approves it."
    ),
    parameters=[KEY],
    request={
        "application/json": object_of(
            {
                "kind": {"type": "string", "enum": list(OF)},
                "rows": {"type": "array", "minItems": 1, "maxItems": MAX_ROWS, "items": {"type": "object"}},
                "withdrawn": {"type": "boolean", "default": False},
                "reason": {"type": "string", "maxLength": 1000},
            },
            ["kind", "rows", "reason"],
        )
    },
    examples=[
        example(
            "A holiday",
            {"kind": "holidays", "rows": [_ROW], "reason": "A day of mourning, as announced."},
            response=False,
        ),
        example(
            "Two people for large batches",
            {
                "kind": "channels",
                "rows": [{"channel": "CASH", "release_from": "25000000"}],
                "reason": "The treasurer asks for it.",
            },
            response=False,
        ),
        example("Waits for a second person", _EXAMPLE, status="202"),
    ],
    responses={202: _CHANGE, 400: PROBLEM, 409: PROBLEM, 413: PROBLEM, 422: PROBLEM},
)
read = extend_schema(
    operation_id="read_calendar_change",
    tags=["settlement"],
    parameters=[_REFERENCE],
    examples=[example("Waits for a second person", _EXAMPLE)],
    responses={200: _CHANGE, 404: PROBLEM},
)

"""How the API's description tells of days that were told again."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema

from core.ids import TRADE, public_id
from ledger.api.profit_schema import FIGURES, answer

_NOUGHT: dict[str, Any] = {"total": "0.00", "parts": dict.fromkeys(FIGURES["parts"], "0.00")}
_CHANGED = {"old": _NOUGHT, "new": FIGURES}
_RESTATEMENT = {
    "run": 2,
    "as_at": "2026-11-24T08:05:00Z",
    "restates": {"run": 1, "as_at": "2026-11-23T18:05:00Z"},
    "reason": "a price was corrected",
    "by": "user:controller",
    "opening_restated": False,
    **_CHANGED,
    "positions": [{"book": "EQ-US", "instrument": "US0378331005", "currency": "USD", **_CHANGED}],
    "prices": [
        {
            "instrument": "US0378331005",
            "currency": "USD",
            "old": {"quoted": "180", "quoted_on": "2026-11-20", "unit_price": "180", "flag": "STALE"},
            "new": {"quoted": "187", "quoted_on": "2026-11-23", "unit_price": "187", "flag": None},
        }
    ],
    "actions": [],
    "adjustments": [],
}
_TRADE = {
    "trade": public_id(TRADE, 1234),
    "source": "FO-EQ",
    "source_ref": "E-1",
    "book": "EQ-US",
    "trade_date": "2026-11-23",
    "version_before": None,
    "version_after": 1,
    "recorded_at": "2026-11-24T07:30:00Z",
}
list_restatements = extend_schema(
    operation_id="list_profit_restatements",
    tags=["profit"],
    responses=answer(
        "items: every end of the day that was told again, with the one before it: what the day came to, the positions"
        " that changed (1000 at most), and why: the prices and rates that are others, the corporate actions and"
        " adjustments that were entered in between, and whether the day before has been told again. The trades are at"
        " `restatements/{run}/trades`",
        "A price was corrected",
        {"date": "2026-11-23", "items": [_RESTATEMENT]},
    ),
)
list_restated_trades = extend_schema(
    operation_id="list_profit_restated_trades",
    tags=["profit"],
    parameters=[
        OpenApiParameter(
            "number", OpenApiTypes.INT, OpenApiParameter.PATH, description="of the run that restates"
        ),
        OpenApiParameter("cursor", str, description="`next` of the page before"),
        OpenApiParameter("limit", int, description="trades, 1 to 1000, default 100"),
    ],
    responses=answer(
        "items: trades until the day that came late (version_before null), changed, or were called off (version_after"
        " null) in between",
        "A trade that came late",
        {"items": [_TRADE], "next": None},
    ),
)

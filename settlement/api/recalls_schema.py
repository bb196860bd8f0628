"""The description of recalls in the settlement API, with examples."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from core.ids import BATCH, INSTRUCTION, RECALL, public_id
from settlement.api.describing import KEY, PROBLEM, example, object_of
from settlement.api.reading import RECALL_ANSWERS

_REFERENCE = OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the recall, `rcl_…`")
_EXAMPLE = {
    "id": public_id(RECALL, 3),
    "batch": public_id(BATCH, 41),
    "instruction": None,
    "state": "REQUESTED",
    "reason": "The payment date was a holiday after all.",
    "requested_at": "2026-11-24T18:05:00Z",
}

list_recalls = extend_schema(
    operation_id="list_settlement_recalls",
    tags=["settlement"],
    description=(
        "Batches that the client claimed last, or single instructions of these (`instruction`), which operations want"
        " back."
    ),
    examples=[
        example("A batch", {"items": [_EXAMPLE], "next": None}),
        example(
            "An instruction",
            {"items": [{**_EXAMPLE, "instruction": public_id(INSTRUCTION, 1204)}], "next": None},
        ),
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "what waits for the client's answer, the oldest first")
    },
)
recall_instruction = extend_schema(
    operation_id="recall_settlement_instruction",
    tags=["settlement"],
    description=(
        "Recall one instruction. While nobody has claimed its batch it is recalled at once (200); else whoever claimed"
        " it last is asked (202). A later batch cancels it, and its legs come in later batches, unless they are held."
    ),
    parameters=[
        OpenApiParameter("reference", str, OpenApiParameter.PATH, description="the instruction, `ins_…`"),
        KEY,
    ],
    request={"application/json": object_of({"reason": {"type": "string", "maxLength": 1000}}, ["reason"])},
    examples=[
        example("Why", {"reason": "The account was closed yesterday."}, response=False),
        example("Recalled", {"instruction": public_id(INSTRUCTION, 1204), "state": "RECALLED"}),
        example("Asked", {"instruction": public_id(INSTRUCTION, 1204), "state": "REQUESTED"}, status="202"),
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "recalled"),
        202: OpenApiResponse(OpenApiTypes.OBJECT, "the consumer is asked"),
        400: PROBLEM,
        404: PROBLEM,
        409: OpenApiResponse(
            OpenApiTypes.OBJECT, "recalled, asked for, settled, rejected or cancelled already"
        ),
        422: PROBLEM,
    },
)
answer_recall = extend_schema(
    operation_id="answer_settlement_recall",
    tags=["settlement"],
    description=(
        "CONSENT says that nothing of the batch, or of the one instruction, is or will be done: it is recalled at once,"
        " and its legs come in later batches. A single instruction is answered in its batch all the same, and a later"
        " batch cancels it. REFUSE needs a reason. The same answer again changes nothing."
    ),
    parameters=[_REFERENCE, KEY],
    request={
        "application/json": object_of(
            {
                "answer": {"type": "string", "enum": list(RECALL_ANSWERS)},
                "reason": {"type": "string", "maxLength": 1000},
            },
            ["answer"],
        )
    },
    examples=[
        example("Consent", {"answer": "CONSENT"}, response=False),
        example("Refusal", {"answer": "REFUSE", "reason": "Sent to the market already."}, response=False),
        example("Recalled", {"id": public_id(RECALL, 3), "state": "RECALLED"}),
    ],
    responses={
        200: OpenApiResponse(OpenApiTypes.OBJECT, "RECALLED or REFUSED"),
        400: PROBLEM,
        404: PROBLEM,
        409: OpenApiResponse(
            OpenApiTypes.OBJECT, "answered otherwise before, or something has settled meanwhile"
        ),
        422: PROBLEM,
    },
)

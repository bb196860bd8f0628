from django.urls import path

from settlement.api import (
    attestations,
    calendar_changes,
    claims,
    holds,
    instructions,
    invoices,
    recalls,
    ssi_changes,
    views,
)
from settlement.api.fees import FeeAccruals
from settlement.api.obligations import ObligationDays, Obligations
from settlement.api.open_records import OpenRecordCounts, OpenRecords
from settlement.api.penalties import Fails, Penalties

_BATCH = "settlement-batches/<str:reference>"

urlpatterns = [
    path("cut-offs", views.CutOffs.as_view(), name="api-cut-offs"),
    path("settlement-batches", views.Batches.as_view(), name="api-batches"),
    path(_BATCH, views.Batch.as_view(), name="api-batch"),
    path(f"{_BATCH}/evidence", views.Evidence.as_view(), name="api-batch-evidence"),
    path(f"{_BATCH}/claims", claims.Claims.as_view(), name="api-batch-claims"),
    path(f"{_BATCH}/instructions", views.Instructions.as_view(), name="api-batch-instructions"),
    path(f"{_BATCH}/statuses", views.Statuses.as_view(), name="api-batch-statuses"),
    path(f"{_BATCH}/acknowledgements", views.Acknowledgements.as_view(), name="api-batch-acknowledgements"),
    path(
        "settlement-instructions/<str:reference>", instructions.Instruction.as_view(), name="api-instruction"
    ),
    path(
        "settlement-instructions/<str:reference>/legs",
        instructions.InstructionLegs.as_view(),
        name="api-instruction-legs",
    ),
    path("settlement-claims", claims.OwnClaims.as_view(), name="api-claims"),
    path(
        "settlement-claims/<str:reference>/extensions",
        claims.Extensions.as_view(),
        name="api-claim-extensions",
    ),
    path("settlement-attestations/<str:day>", attestations.Attestation.as_view(), name="api-attestation"),
    path("settlement-recalls", recalls.Recalls.as_view(), name="api-recalls"),
    path(
        "settlement-recalls/<str:reference>/answers",
        recalls.RecallAnswers.as_view(),
        name="api-recall-answers",
    ),
    path(
        "settlement-instructions/<str:reference>/recalls",
        recalls.InstructionRecalls.as_view(),
        name="api-instruction-recalls",
    ),
    path("settlement-holds", holds.Holds.as_view(), name="api-holds"),
    path("settlement-holds/<str:reference>/releases", holds.HoldReleases.as_view(), name="api-hold-releases"),
    path("calendar-changes", calendar_changes.CalendarChanges.as_view(), name="api-calendar-changes"),
    path(
        "calendar-changes/<str:reference>",
        calendar_changes.CalendarChange.as_view(),
        name="api-calendar-change",
    ),
    path("ssi-changes", ssi_changes.SsiChanges.as_view(), name="api-ssi-changes"),
    path("ssi-changes/<str:reference>", ssi_changes.SsiChange.as_view(), name="api-ssi-change"),
    path("settlement-status-reports", views.StatusReports.as_view(), name="api-status-reports"),
    path("invoices", invoices.Invoices.as_view(), name="api-invoices"),
    path("invoices/<str:reference>", invoices.Invoice.as_view(), name="api-invoice"),
    path("invoices/<str:reference>/credits", invoices.Credits.as_view(), name="api-invoice-credits"),
    path("open-records", OpenRecords.as_view(), name="api-open-records"),
    path("open-record-counts", OpenRecordCounts.as_view(), name="api-open-record-counts"),
    path("obligation-days", ObligationDays.as_view(), name="api-obligation-days"),
    path("obligations", Obligations.as_view(), name="api-obligations"),
    path("settlement-fails", Fails.as_view(), name="api-settlement-fails"),
    path("settlement-penalties", Penalties.as_view(), name="api-settlement-penalties"),
    path("fee-accruals", FeeAccruals.as_view(), name="api-fee-accruals"),
]

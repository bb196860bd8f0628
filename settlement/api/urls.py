from django.urls import path

from settlement.api import ssi_changes, views

_BATCH = "settlement-batches/<str:reference>"

urlpatterns = [
    path("settlement-batches", views.Batches.as_view(), name="api-batches"),
    path(_BATCH, views.Batch.as_view(), name="api-batch"),
    path(f"{_BATCH}/evidence", views.Evidence.as_view(), name="api-batch-evidence"),
    path(f"{_BATCH}/claims", views.Claims.as_view(), name="api-batch-claims"),
    path(f"{_BATCH}/instructions", views.Instructions.as_view(), name="api-batch-instructions"),
    path(f"{_BATCH}/statuses", views.Statuses.as_view(), name="api-batch-statuses"),
    path(f"{_BATCH}/acknowledgements", views.Acknowledgements.as_view(), name="api-batch-acknowledgements"),
    path("ssi-changes", ssi_changes.SsiChanges.as_view(), name="api-ssi-changes"),
    path("ssi-changes/<str:reference>", ssi_changes.SsiChange.as_view(), name="api-ssi-change"),
    path("settlement-status-reports", views.StatusReports.as_view(), name="api-status-reports"),
]

from django.urls import path

from trades.api import bulk_changes, causes, changes, confirmations, exceptions, views

urlpatterns = [
    path("trades", views.Trades.as_view(), name="api-trades"),
    path("trade-batches", views.TradeBatches.as_view(), name="api-trade-batches"),
    path("trades/<str:reference>", views.Trade.as_view(), name="api-trade"),
    path("trades/<str:reference>/evidence", views.TradeEvidence.as_view(), name="api-trade-evidence"),
    path("trades/<str:reference>/events", views.TradeEvents.as_view(), name="api-trade-events"),
    path(
        "confirmation-policies",
        confirmations.ConfirmationPolicies.as_view(),
        name="api-confirmation-policies",
    ),
    path("confirmations", confirmations.Confirmations.as_view(), name="api-confirmations"),
    path("exceptions", exceptions.Exceptions.as_view(), name="api-exceptions"),
    path("exception-causes", causes.ExceptionCauses.as_view(), name="api-exception-causes"),
    path("exception-causes/releases", causes.CauseReleases.as_view(), name="api-exception-cause-releases"),
    path("exceptions/<str:reference>", exceptions.ExceptionItem.as_view(), name="api-exception"),
    path(
        "exceptions/<str:reference>/comments",
        exceptions.ExceptionComments.as_view(),
        name="api-exception-comments",
    ),
    path("exception-actions", exceptions.ExceptionActions.as_view(), name="api-exception-actions"),
    path("straight-through", exceptions.StraightThrough.as_view(), name="api-straight-through"),
    path("trade-amendments", bulk_changes.BulkAmendments.as_view(), name="api-bulk-amendments"),
    path("trade-cancellations", bulk_changes.BulkCancellations.as_view(), name="api-bulk-cancellations"),
    path(
        "trades/<str:reference>/amendments",
        changes.TradeAmendments.as_view(),
        name="api-trade-amendments",
    ),
    path(
        "trades/<str:reference>/allocations",
        changes.TradeAllocations.as_view(),
        name="api-trade-allocations",
    ),
    path(
        "trades/<str:reference>/cancellations",
        changes.TradeCancellations.as_view(),
        name="api-trade-cancellations",
    ),
]

from django.urls import path

from ledger.api import actions, positions

urlpatterns = [
    path("positions", positions.Positions.as_view(), name="api-positions"),
    path("position-entries", positions.Entries.as_view(), name="api-position-entries"),
    path("lots", positions.Lots.as_view(), name="api-lots"),
    path("lot-movements", positions.LotMovements.as_view(), name="api-lot-movements"),
    path("corporate-actions", actions.CorporateActions.as_view(), name="api-corporate-actions"),
    path("lot-policies", actions.LotPolicies.as_view(), name="api-lot-policies"),
]

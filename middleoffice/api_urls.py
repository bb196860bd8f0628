"""The routes of the API, version 1, and its description."""

from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from core.http.access import EVERYBODY, open_to
from core.http.keys import Keys

urlpatterns = [
    path("v1/", include("trades.api.urls")),
    path("v1/openapi.json", open_to(EVERYBODY)(SpectacularJSONAPIView.as_view()), name="openapi"),
    path(
        "docs", open_to(EVERYBODY)(SpectacularSwaggerSplitView.as_view(url_name="openapi")), name="api-docs"
    ),
    path("v1/keys", open_to(EVERYBODY)(Keys.as_view()), name="api-keys"),
    path("v1/", include("refdata.urls")),
    path("v1/", include("settlement.api.urls")),
    path("v1/", include("ledger.api.urls")),
    path("v1/", include("feed.api.urls")),
    path("v1/", include("risk.api.checks.urls")),
    path("v1/", include("risk.api.urls")),
]

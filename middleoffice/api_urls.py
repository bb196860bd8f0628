"""The routes of the API, version 1, and its description."""

from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

urlpatterns = [
    path("v1/", include("trades.api.urls")),
    path("v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="openapi"), name="api-docs"),
    path("v1/", include("refdata.urls")),
    path("v1/", include("settlement.api.urls")),
    path("v1/", include("feed.api.urls")),
    path("v1/", include("risk.api.urls")),
]

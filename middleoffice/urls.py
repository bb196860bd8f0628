"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path

from middleoffice import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("api/", include("middleoffice.api_urls")),
    path("", include("ops.urls")),
]

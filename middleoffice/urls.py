"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path

from middleoffice import health

admin.site.site_header = "Middleoffice administration"
admin.site.site_title = "Middleoffice administration"
admin.site.index_title = "Reference data, limits, people and the log"

urlpatterns = [
    path("api/", include("middleoffice.api_urls")),  # first: what machines call thousands of times a minute
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("", include("ops.urls")),
]

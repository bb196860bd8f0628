"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from core.people import audited
from middleoffice import health
from ops.views import session

_site = admin.site
_site.site_header = "Middleoffice administration"
_site.site_title = "Middleoffice administration"
_site.index_title = "Reference data, limits, people and the log"

urlpatterns = [
    path("api/", include("middleoffice.api_urls")),  # first: what machines call thousands of times a minute
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/login/", session.admin_log_in),
    path("admin/logout/", audited(_site.admin_view(_site.logout))),
    # One page changes the own password: the admin's own would leave a session that nobody sees and can end.
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", _site.urls),
    path("", include("ops.urls")),
]

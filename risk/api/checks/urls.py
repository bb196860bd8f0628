from django.urls import path

from risk.api.checks import views

urlpatterns = [
    path("checks", views.Checks.as_view(), name="api-checks"),
    path("checks/<str:code>", views.Check.as_view(), name="api-check"),
    path("checks/<str:code>/parameters", views.Parameters.as_view(), name="api-check-parameters"),
]

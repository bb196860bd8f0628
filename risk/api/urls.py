from django.urls import path

from risk.api import views

urlpatterns = [
    path("limit-checks", views.LimitChecks.as_view(), name="api-limit-checks"),
    path("reservations", views.Reservations.as_view(), name="api-reservations"),
    path("reservations/<str:reference>", views.OneReservation.as_view(), name="api-reservation"),
    path("limits", views.Limits.as_view(), name="api-limits"),
    path("limits/<str:code>/excesses", views.Excesses.as_view(), name="api-limit-excesses"),
    path("stops", views.Stops.as_view(), name="api-stops"),
    path("stops/<str:reference>/lifts", views.Lifts.as_view(), name="api-stop-lifts"),
]

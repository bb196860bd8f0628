from django.urls import path

from feed.api import views

urlpatterns = [
    path("events", views.Events.as_view(), name="api-events"),
    path("events/state-hash", views.StateHash.as_view(), name="api-state-hash"),
]

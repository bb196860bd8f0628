from django.urls import path

from feed.api import views

urlpatterns = [
    path("events", views.Events.as_view(), name="api-events"),
    path("events/state-hash", views.StateHash.as_view(), name="api-state-hash"),
    path("webhooks", views.Webhooks.as_view(), name="api-webhooks"),
    path("webhooks/<str:reference>", views.Webhook.as_view(), name="api-webhook"),
    path("webhooks/<str:reference>/secrets", views.WebhookSecrets.as_view(), name="api-webhook-secrets"),
    path(
        "webhooks/<str:reference>/deliveries",
        views.WebhookDeliveries.as_view(),
        name="api-webhook-deliveries",
    ),
    path("webhooks/<str:reference>/replays", views.WebhookReplays.as_view(), name="api-webhook-replays"),
]

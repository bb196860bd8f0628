from django.urls import path

from risk.api.checks import views

urlpatterns = [
    path("checks", views.Checks.as_view(), name="api-checks"),
    path("checks/<str:code>", views.Check.as_view(), name="api-check"),
    path("checks/<str:code>/parameters", views.Parameters.as_view(), name="api-check-parameters"),
    path("back-tests", views.BackTests.as_view(), name="api-back-tests"),
    path("back-tests/<str:reference>", views.BackTest.as_view(), name="api-back-test"),
    path("back-tests/<str:reference>/trades", views.BackTestTrades.as_view(), name="api-back-test-trades"),
    path(
        "back-tests/<str:reference>/cancellation",
        views.BackTestCancellation.as_view(),
        name="api-back-test-cancellation",
    ),
]

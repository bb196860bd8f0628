from django.urls import path

from ledger.api import statements

urlpatterns = [
    path("statements", statements.Statements.as_view(), name="api-statements"),
    path("statements/<str:reference>", statements.Statement.as_view(), name="api-statement"),
]

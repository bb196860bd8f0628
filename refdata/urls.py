from django.urls import path

from refdata.api import ReferenceData

urlpatterns = [path("refdata/<str:kind>", ReferenceData.as_view(), name="api-refdata")]

from django.urls import path

from refdata.api import ReferenceData
from refdata.fee_rules_api import FeeRule, FeeRules, FeeRuleVersions

urlpatterns = [
    path("refdata/<str:kind>", ReferenceData.as_view(), name="api-refdata"),
    path("fee-rules", FeeRules.as_view(), name="api-fee-rules"),
    path("fee-rules/<str:code>", FeeRule.as_view(), name="api-fee-rule"),
    path("fee-rules/<str:code>/versions", FeeRuleVersions.as_view(), name="api-fee-rule-versions"),
]

"""The addresses of the console."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from core.people import audited
from ops.views import (
    approvals,
    as_of,
    audit,
    batches,
    blotter,
    changes,
    exceptions,
    integrations,
    limits,
    search,
    session,
    today,
    trade,
)

urlpatterns = [
    path("", today.today, name="today"),
    path("log-in", audited(session.LogIn.as_view()), name="login"),
    path("log-out", audited(LogoutView.as_view()), name="logout"),
    path("as-of", as_of.as_of, name="as_of"),
    path("preferences", session.prefer, name="prefer"),
    path("search", search.search, name="search"),
    path("trades", blotter.blotter, name="blotter"),
    path("trades/count", blotter.blotter_count, name="blotter_count"),
    path("trades/<str:ref>", trade.trade, name="trade"),
    path("trades/<str:ref>/change/<slug:what>", changes.change, name="trade_change"),
    path("trades/<str:ref>/cancel-again", trade.trade_cancel_again, name="trade_cancel_again"),
    path("trades/<str:ref>/re-check", trade.trade_recheck, name="trade_recheck"),
    path("exceptions", exceptions.exceptions, name="exceptions"),
    path("exceptions/next", exceptions.take, name="exception_next"),
    path("exceptions/<str:ref>", exceptions.exception, name="exception"),
    path("exceptions/<str:ref>/<slug:action>", exceptions.act, name="exception_act"),
    path("approvals", approvals.approvals, name="approvals"),
    path("approvals/<str:ref>/<slug:decision>", approvals.decide, name="approval_decide"),
    path("batches", batches.batches, name="batches"),
    path("batches/seal", batches.seal, name="batch_seal"),
    path("batches/<str:ref>", batches.batch, name="batch"),
    path("trades/<str:ref>/evidence", audit.trade_evidence, name="trade_evidence"),
    path("batches/<str:ref>/evidence", audit.batch_evidence, name="batch_evidence"),
    path("audit", audit.audit, name="audit"),
    path("audit/evidence", audit.day_evidence, name="audit_day_evidence"),
    path("limits", limits.limits, name="limits"),
    path("limits/terms", limits.limit_terms, name="limit_terms"),
    path("limits/member", limits.member, name="limit_member"),
    path("limits/wrong/<int:figure_id>", limits.explain, name="limit_explain"),
    path("limits/stop", limits.stop, name="limit_stop"),
    path("limits/stops/<str:ref>/lift", limits.lift, name="limit_lift"),
    path("limits/proposals/<str:ref>/<slug:decision>", limits.decide, name="limit_decide"),
    path("integrations", integrations.integrations, name="integrations"),
    path("integrations/<str:ref>", integrations.webhook, name="webhook"),
    path("integrations/<str:ref>/replay", integrations.tell_again, name="webhook_replay"),
]

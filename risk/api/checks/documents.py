"""A check and its versions as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from core.ids import BACK_TEST, PROPOSAL, TRADE, public_id
from core.money import round_money
from risk.checks._settings import Setting, is_fixed
from risk.models import BackTest, BackTestTrade
from risk.services.back_test import KEPT_MAX, share_done
from risk.services.check_views import FOUND_DAYS, CheckView, Version
from risk.services.parameters import BOUNDS, is_whole, setting_content


def check_document(view: CheckView, versions: Sequence[Version] | None = None) -> dict[str, Any]:
    """Return a check as JSON-ready data; with its texts and versions when these are given."""
    check = view.check
    document: dict[str, Any] = {
        "code": check.code,
        "title": check.title,
        "precedence": check.precedence,
        "overridable": check.overridable,
        "fixed": is_fixed(check),
        **setting_document(view.setting),
        "pending_proposal": None if view.pending_id is None else public_id(PROPOSAL, view.pending_id),
        "found": {
            "days": FOUND_DAYS,
            "findings": view.found.findings,
            "blocking": view.found.blocking,
            "trades": view.found.trades,
        },
    }
    if versions is None:
        return document
    return {
        **document,
        "message": check.message,
        "fix": check.fix,
        "example": check.example,
        "parameter_declarations": [
            {
                "name": name,
                "default": default,
                "least": check.bounds.get(name, BOUNDS)[0],
                "greatest": check.bounds.get(name, BOUNDS)[1],
                "whole": is_whole(check, name),
                "meaning": check.meanings.get(name, ""),
            }
            for name, default in check.parameters.items()
        ],
        "versions": [version_document(each) for each in versions],
    }


def setting_document(setting: Setting) -> dict[str, Any]:
    """Return how a check is set as JSON-ready data."""
    return {
        "version": setting.version,
        "valid_from": setting.valid_from,
        **setting_content(setting),
    }


def version_document(version: Version) -> dict[str, Any]:
    """Return one version of how a check is set, and who made it, as JSON-ready data."""
    return {
        **setting_document(version.setting),
        "in_force": version.is_in_force,
        "proposal": None if version.proposal_id is None else public_id(PROPOSAL, version.proposal_id),
        "maker": version.maker,
        "checker": version.checker,
        "reason": version.reason,
        "approved_at": _utc(version.approved_at),
    }


def back_test_document(found: BackTest) -> dict[str, Any]:
    """Return a back-test with how far it has come and its figures so far, as JSON-ready data."""
    return {
        "id": public_id(BACK_TEST, found.id),
        "check": found.code,
        "proposal": None if found.proposal_id is None else public_id(PROPOSAL, found.proposal_id),
        "days": found.days,
        "state": found.state,
        "asked_by": found.asked_by,
        "asked_at": _utc(found.asked_at),
        "finished_at": _utc(found.finished_at),
        "progress": share_done(found),
        "before": {"version": found.version, **found.before},
        "after": found.after,
        "result": {
            "currency": settings.BASE_CURRENCY,
            "trades": found.looked_at,
            "changed": found.changed,
            "named": min(found.changed, KEPT_MAX),
            "unmeasured": found.unmeasured,
            "newly_failing": _counted(found.failing, found.failing_amount),
            "newly_passing": _counted(found.passing, found.passing_amount),
            "newly_held": _counted(found.held, found.held_amount),
            "no_longer_held": _counted(found.freed, found.freed_amount),
            "straight_through": {
                "before": found.straight_before,
                "after": found.straight_after,
                "rate_before": rate(found.straight_before, found.looked_at),
                "rate_after": rate(found.straight_after, found.looked_at),
            },
        },
    }


def rate(part: int, whole: int) -> Decimal | None:
    """Return a share with six decimals, None of nothing."""
    return (Decimal(part) / Decimal(whole)).quantize(Decimal("0.000001")) if whole else None


def _counted(count: int, amount: Decimal) -> dict[str, Any]:
    return {"trades": count, "amount": round_money(amount, settings.BASE_CURRENCY)}


def affected_document(trade: BackTestTrade) -> dict[str, Any]:
    """Return a trade of another outcome as JSON-ready data."""
    amount = trade.base_amount
    return {
        "trade": public_id(TRADE, trade.trade_id),
        "version": trade.version,
        "before": trade.before,
        "after": trade.after,
        "message": trade.message,
        "base_amount": None if amount is None else round_money(amount, settings.BASE_CURRENCY),
    }


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)

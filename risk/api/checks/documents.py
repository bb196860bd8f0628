"""A check and its versions as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from core.ids import PROPOSAL, public_id
from risk.checks._settings import Setting, is_fixed
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
        "approved_at": None if version.approved_at is None else version.approved_at.astimezone(UTC),
    }

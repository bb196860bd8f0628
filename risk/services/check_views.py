"""What people and systems are shown of checks: what each is, how it is and was set, how often it finds something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from core import sql
from core.clock import business_date
from core.http.problem import not_found
from risk.checks import CHECKS
from risk.checks._settings import Setting, declared
from risk.checks.base import Check
from risk.services.parameters import KIND, SUBJECT, setting_of, settings_in_force
from trades.selectors.findings import Found, found_since

FOUND_DAYS = 7  # over how many days findings are counted
HISTORY_MAX = 200


@dataclass(frozen=True)
class CheckView:
    """A check with how it is set now, what it has found in FOUND_DAYS days, and the proposal that waits, if any."""

    check: Check
    setting: Setting
    found: Found
    pending_id: int | None


@dataclass(frozen=True)
class Version:
    """One version of how a check is set: who proposed and who approved it, when and why.

    is_in_force: on the day of the question. The declaration is version 0, which nobody proposed.
    """

    setting: Setting
    is_in_force: bool
    proposal_id: int | None = None
    maker: str = ""
    checker: str = ""
    reason: str = ""
    approved_at: datetime | None = None


_PENDING = """
SELECT c.code, p.id FROM core_proposal p JOIN risk_check c ON c.id = p.subject_id
WHERE p.kind = %s AND p.subject = %s AND p.state = 'PENDING'
"""


def view_checks(*, now: datetime) -> list[CheckView]:
    """Return every check in the order in which findings are shown."""
    settings = settings_in_force(on=business_date(now))
    found = found_since(now - timedelta(days=FOUND_DAYS))
    pending = dict(sql.rows(_PENDING, [KIND, SUBJECT]))
    ordered = sorted(CHECKS.values(), key=lambda each: (each.precedence, each.code))
    return [
        CheckView(each, settings[each.code], found.get(each.code, Found()), pending.get(each.code))
        for each in ordered
    ]


def view_check(code: str, *, now: datetime) -> tuple[CheckView, list[Version]]:
    """Return a check and its versions, the newest first; Problem 404 for an unknown one."""
    if code not in CHECKS:
        raise not_found("check")
    (view,) = (each for each in view_checks(now=now) if each.check.code == code)
    return view, versions_of(code, on=business_date(now))


_HISTORY = """
SELECT c.code, v.version, v.is_active, v.severity, v.parameters, v.scope, v.valid_from,
       p.id, coalesce(m.username, a.name), k.username, p.reason, v.approved_at
FROM risk_check_parameters v
JOIN risk_check c ON c.id = v.check_id
JOIN core_proposal p ON p.id = v.proposal_id
LEFT JOIN auth_user m ON m.id = p.maker_id
LEFT JOIN core_api_client a ON a.id = p.maker_client_id
LEFT JOIN auth_user k ON k.id = p.checker_id
WHERE c.code = %s ORDER BY v.version DESC LIMIT %s
"""


def versions_of(code: str, *, on: date) -> list[Version]:
    """Return the newest HISTORY_MAX versions of how a check is set, the newest first; the last is its declaration."""
    rows = sql.rows(_HISTORY, [code, HISTORY_MAX])
    in_force = max((version for _, version, *_, since in (row[:7] for row in rows) if since <= on), default=0)
    made = [_version(row, in_force) for row in rows]
    return [*made, Version(declared(CHECKS[code]), is_in_force=in_force == 0)]


def _version(row: Sequence[Any], in_force: int) -> Version:
    setting = setting_of(row[:7])
    proposal_id, maker, checker, reason, approved_at = row[7:]
    return Version(setting, setting.version == in_force, proposal_id, maker, checker, reason, approved_at)

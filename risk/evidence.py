"""What the evidence of a trade tells of its checks: how those that found something were set, by whom and why."""

from __future__ import annotations

from core.evidence import Section
from trades.lifecycle import SUBJECT

SECTIONS = (
    Section(
        "check_settings",
        "How the checks were set that found something",
        SUBJECT,
        "SELECT DISTINCT f.trade_id AS trade, f.code, p.version, p.valid_from, p.is_active, p.severity, p.parameters,"
        " p.scope, coalesce(m.username, a.name) AS maker, k.username AS checker, o.reason, p.approved_at"
        " FROM trades_finding f JOIN risk_check c ON c.code = f.code"
        " JOIN risk_check_parameters p ON p.check_id = c.id AND p.version = f.parameter_version"
        " JOIN core_proposal o ON o.id = p.proposal_id LEFT JOIN auth_user m ON m.id = o.maker_id"
        " LEFT JOIN core_api_client a ON a.id = o.maker_client_id LEFT JOIN auth_user k ON k.id = o.checker_id"
        " WHERE f.trade_id = ANY(%s) ORDER BY trade, code, version",
    ),
)

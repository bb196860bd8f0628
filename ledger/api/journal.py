"""The journal over the API: entries with their postings, trial balances, accounts and the closing of books."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from core.as_of import known_at
from core.audit import encode
from core.clock import utc_now
from core.http.body import JsonBody
from core.http.cursor import bent_cursor, decode_cursor, limit_of, page
from core.http.idempotency import Answer, answer_once
from core.http.moments import moment_parameter
from core.http.problem import Fault, not_found, unreadable
from core.http.views import RawParser, client_of, json_response
from core.ids import PROPOSAL, TRADE, database_id, public_id
from core.money import format_amount, format_number
from ledger.accounts import CHART, Accounts
from ledger.api import journal_schema as schema
from ledger.models import Source
from ledger.rules import RULES
from ledger.selectors import journal
from ledger.selectors.actions import pending_of
from ledger.services.accounts import Named, propose_accounts
from ledger.services.periods import KIND as PERIOD
from ledger.services.periods import propose_closing

_CODE_MAX = 100
_CHOICES = {"account": tuple(each.value for each in Accounts), "rule": tuple(RULES)}


class Entries(APIView):
    """What was entered, in the order of commit."""

    scopes: ClassVar = {"GET": "journal:read"}

    @schema.entries
    def get(self, request: Request) -> HttpResponse:
        limit, which = limit_of(request), _which(request)
        after = decode_cursor(request.query_params.get("cursor", ""), parts=2)
        if after is not None and not all(0 <= part < 1 << 63 for part in after):
            raise bent_cursor()
        rows = journal.list_in_order_of_commit(which=which, after=after, limit=limit)
        more = (rows[-1]["xid"], rows[-1]["id"]) if len(rows) == limit else None
        return json_response(page([entry_document(row) for row in rows], next_key=more))


class TrialBalance(APIView):
    """What stands on every account."""

    scopes: ClassVar = {"GET": "journal:read"}

    @schema.trial_balance
    def get(self, request: Request) -> HttpResponse:
        which, moment = _which(request), moment_parameter(request, "as_at")
        if moment is not None and moment > utc_now():
            raise unreadable([Fault("query:as_at", "This moment is still to come.", "future")])
        rows = journal.trial_balance(
            entity=which.entity,
            currency=which.currency,
            first=which.first,
            last=which.last,
            as_of=known_at(moment),
        )
        return json_response({"items": [_balance(row) for row in rows]})


class LedgerAccounts(APIView):
    """The chart of accounts, as the general ledger of an entity calls them; and proposals to call them otherwise."""

    scopes: ClassVar = {"GET": "journal:read", "POST": "journal:propose"}
    parser_classes = (RawParser,)

    @schema.list_accounts
    def get(self, request: Request) -> HttpResponse:
        entity = request.query_params.get("entity")
        entity_id = None if entity is None else journal.entity_id_of(entity)
        if entity is not None and entity_id is None:
            raise not_found("entity with books")
        said = journal.names_of(entity_id or 0)
        items = [
            {"account": each.code, "type": each.type, "entity": entity, **said[each.code]} for each in CHART
        ]
        return json_response({"items": [{**each, "number": each["number"] or None} for each in items]})

    @schema.propose_accounts
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        entity, accounts, reason = read_accounts(body)

        def act() -> Answer:
            proposal_id = propose_accounts(
                entity=entity,
                accounts=accounts,
                reason=reason,
                client_id=client.id,
                actor=client.actor(),
                now=now,
            )
            return _proposed(entity, proposal_id)

        return answer_once(request, client=client, now=now, body=body, act=act)


class Periods(APIView):
    """How far the books of each entity are closed; and proposals to close more."""

    scopes: ClassVar = {"GET": "journal:read", "POST": "journal:propose"}
    parser_classes = (RawParser,)

    @schema.list_periods
    def get(self, request: Request) -> HttpResponse:
        pending = pending_of(PERIOD)
        return json_response({"items": [_period(row, pending) for row in journal.list_books(kind=PERIOD)]})

    @schema.propose_closing
    def post(self, request: Request) -> HttpResponse:
        client, now, body = client_of(request), utc_now(), request.body
        entity, through, reason = read_closing(body)

        def act() -> Answer:
            proposal_id = propose_closing(
                entity=entity,
                through=through,
                reason=reason,
                client_id=client.id,
                actor=client.actor(),
                now=now,
            )
            return _proposed(entity, proposal_id)

        return answer_once(request, client=client, now=now, body=body, act=act)


def _proposed(entity: str, proposal_id: int) -> Answer:
    told = {"entity": entity, "proposal": public_id(PROPOSAL, proposal_id), "state": "PENDING"}
    return Answer(202, encode(told).encode())


def read_accounts(body: bytes) -> tuple[str, list[Named], str]:
    """Return the entity of a body, what its accounts are called and why; Problem 400 with every fault."""
    read = JsonBody(body, known=("entity", "accounts", "reason"))
    entity, reason = (
        read.text("entity", required=True, max_length=_CODE_MAX),
        read.text("reason", required=True),
    )
    given, found = read.given.get("accounts"), []
    if not isinstance(given, list) or not 1 <= len(given) <= len(CHART):
        read.faults.append(Fault("/accounts", f"A list of 1 to {len(CHART)} accounts.", "type"))
        given = []
    for at, each in enumerate(given):
        if not isinstance(each, dict):
            read.faults.append(Fault(f"/accounts/{at}", "An object.", "type"))
            continue
        inner = JsonBody(encode(each).encode(), known=("account", "number", "name"))
        said = [
            inner.text(name, required=True, max_length=_CODE_MAX) for name in ("account", "number", "name")
        ]
        read.faults += [
            Fault(f"/accounts/{at}{fault.pointer}", fault.detail, fault.code) for fault in inner.faults
        ]
        found.append(Named(*(text or "" for text in said)))
    read.check()
    return entity or "", found, reason or ""


def read_closing(body: bytes) -> tuple[str, date, str]:
    """Return the entity of a body, the day up to which its books close and why; Problem 400 with every fault."""
    read = JsonBody(body, known=("entity", "closed_through", "reason"))
    entity, through = (
        read.text("entity", required=True, max_length=_CODE_MAX),
        read.day("closed_through", required=True),
    )
    reason = read.text("reason", required=True)
    read.check()
    return entity or "", through or date.min, reason or ""


def _which(request: Request) -> journal.Which:
    """Return what the query narrows the journal to; Problem 400 with every fault."""
    asked, faults = request.query_params, []
    codes = {name: asked.get(name) for name in ("entity", "book", "currency")}
    for name, text in codes.items():
        if text is not None and ("\0" in text or len(text) > _CODE_MAX):
            faults.append(Fault(f"query:{name}", f"A code of at most {_CODE_MAX} characters.", "length"))
    chosen = {name: asked.get(name) for name in _CHOICES}
    for name, text in chosen.items():
        if text is not None and text not in _CHOICES[name]:
            faults.append(Fault(f"query:{name}", f"One of {', '.join(_CHOICES[name])}.", "unknown"))
    trade = asked.get("trade")
    trade_id = None if trade is None else database_id(TRADE, trade)
    if trade is not None and trade_id is None:
        faults.append(Fault("query:trade", "This is no reference of a trade.", "unknown"))
    days: dict[str, date | None] = {"first": None, "last": None}
    for name in days:
        try:
            days[name] = date.fromisoformat(asked[name]) if name in asked else None
        except ValueError:
            faults.append(Fault(f"query:{name}", "A date such as 2026-11-23."))
    if faults:
        raise unreadable(faults)
    return journal.Which(
        entity=codes["entity"],
        book=codes["book"],
        currency=codes["currency"],
        account=chosen["account"],
        rule=chosen["rule"],
        trade_id=trade_id,
        first=days["first"],
        last=days["last"],
    )


def entry_document(row: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of the journal with its postings as JSON-ready data."""
    return {
        "id": row["id"],
        "entity": row["entity"],
        "book": row["book"],
        "currency": row["currency"],
        "rule": row["rule"],
        "rule_version": row["rule_version"],
        "trade": public_id(TRADE, row["source_id"]) if row["source"] == Source.TRADE else None,
        "corporate_action": row["action"],
        "valuation": _valuation(row),
        "version": row["version"],
        "effective_date": row["effective_date"],
        "posting_date": row["posting_date"],
        "reverses": row["reverses"],
        "reversed_by": row["reversed_by"],
        "recorded_at": row["recorded_at"],
        "postings": [_posting(each, row) for each in row["postings"]],
    }


def _valuation(entry: dict[str, Any]) -> dict[str, Any] | None:
    """Return which run of which day an entry values positions by, and its rate; None for what comes from elsewhere."""
    if entry["run_day"] is None:
        return None
    return {
        "day": entry["run_day"],
        "run": entry["version"],
        "rate": format_number(entry["rate"]),
        "base_currency": entry["base_currency"],
    }


def _posting(row: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    currency, base = entry["currency"], entry["base_currency"]
    return {
        "account": row["account"],
        "instrument": row["instrument"],
        "leg": row["leg"] or None,
        "debit": format_amount(row["debit"], currency),
        "credit": format_amount(row["credit"], currency),
        "price": None if row["price"] is None else format_number(row["price"]),
        "base_debit": format_amount(row["base_debit"], base),
        "base_credit": format_amount(row["base_credit"], base),
        "lot_trade": public_id(TRADE, row["lot_trade_id"]) if row["lot_trade_id"] else None,
        "lot_leg": row["lot_leg"] or None,
    }


def _balance(row: dict[str, Any]) -> dict[str, Any]:
    amounts = {
        name: format_amount(row[name], row["currency"]) for name in ("opening", "debit", "credit", "closing")
    }
    return {
        "entity": row["entity"],
        "currency": row["currency"],
        "account": row["account"],
        "number": row["number"] or None,
        "name": row["name"],
        **amounts,
    }


def _period(row: dict[str, Any], pending: dict[str, int]) -> dict[str, Any]:
    proposal_id = pending.get(row["entity"])
    return {
        "entity": row["entity"],
        "closed_through": row["closed_through"],
        "closed_at": row["approved_at"],
        "proposed_by": row["maker"],
        "approved_by": row["checker"],
        "state": "CLOSING" if proposal_id else "OPEN",
        "closing_through": row["closing_through"],
        "proposal": public_id(PROPOSAL, proposal_id) if proposal_id else None,
    }

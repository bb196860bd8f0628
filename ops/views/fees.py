"""Fees: the rules by which deals are charged, what is charged, and proposals of other rules, with four eyes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from core import ids
from core.clock import business_date, utc_now
from core.http.problem import Fault, Problem
from ops.permissions import Right
from ops.shell import Shown, actor, needs, person, posted, show
from refdata.fee_rules import (
    ANY,
    BASES,
    DIRECTIONS,
    SIDES,
    RuleTerms,
    Tier,
    newest_versions,
    pending_proposals,
    propose_rule,
    versions_of,
)
from settlement.accruals import open_charges
from settlement.tie_out_breaks import FEES, items_of
from trades.products import PRODUCTS

CHARGED_DAYS = 30  # over how many days what is charged is summed up
_BASIS_WORDS = {"BPS": "basis points", "PER_UNIT": "for each unit", "FLAT": "for the deal"}
_SIDE_WORDS = {"BUY": "purchases", "SELL": "sales"}
_DIRECTION_WORDS = {"PAY": "we pay it", "RECEIVE": "we receive it"}
_TEXTS = ("title", "type", "basis", "direction", "product", "market", "counterparty", "currency", "side")


@needs(Right.READ_FEES)
def fees(request: HttpRequest) -> HttpResponse:
    """Show every rule as its newest version says, and what was charged lately."""
    now = utc_now()
    pending = pending_proposals()
    context = {
        "rules": [
            (each, charge_words(each.terms), scope_words(each.terms), pending.pop(each.code, None))
            for each in newest_versions(on=business_date(now))
        ],
        "new": sorted(pending.items()),
        "charges": open_charges(since=now - timedelta(days=CHARGED_DAYS)),
        "days": CHARGED_DAYS,
        "breaks": items_of(FEES),
    }
    return show(request, "ops/fees.html", context, screen="fees", now=now)


@needs(Right.READ_FEES)
def rule(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one rule: its versions, and the form to have it say something else."""
    return _show(request, ref)


@needs(Right.PROPOSE_FEE)
def new_rule(request: HttpRequest) -> HttpResponse:
    """Show the form for a rule that there is not yet."""
    return _show(request, "")


@posted("fees")
@needs(Right.PROPOSE_FEE)
def propose(request: HttpRequest) -> HttpResponse:
    """Propose what the form says, of a new rule or of one that there is."""
    code = request.POST.get("code", "").strip()
    try:
        terms, valid_from = typed_terms(request.POST)
        proposal_id = propose_rule(
            code=code,
            terms=terms,
            valid_from=valid_from,
            reason=request.POST.get("reason", ""),
            user=person(request),
            actor=actor(request),
            now=utc_now(),
        )
    except Problem as problem:
        known = {each.code for each in newest_versions(on=business_date(utc_now()))}
        return _show(request, code if code in known else "", problem=problem)
    messages.success(request, f"{ids.public_id(ids.PROPOSAL, proposal_id)} waits for a second person.")
    return HttpResponseRedirect(reverse("fees"), status=303)


def typed_terms(typed: Mapping[str, str]) -> tuple[RuleTerms, date | None]:
    """Return what the form says, and from which day; Problem 422 for numbers and days that are none."""
    faults: list[Fault] = []
    texts = {name: typed.get(name, "").strip() for name in _TEXTS}
    for name in ("product", "market", "currency", "side"):
        texts[name] = texts[name] or ANY
    terms = RuleTerms(
        **texts,
        rate=_number(typed, "rate", faults) or Decimal(0),
        minimum=_number(typed, "minimum", faults, needed=False),
        maximum=_number(typed, "maximum", faults, needed=False),
        tiers=_tiers(typed.get("tiers", ""), faults),
        is_stated=typed.get("stated") == "on",
        is_active=typed.get("active", "on") == "on",
    )
    day = _day(typed.get("valid_from", ""), faults)
    if faults:
        raise Problem(422, "invalid", "This cannot be a fee rule.", faults=faults)
    return terms, day


def _number(
    typed: Mapping[str, str], name: str, faults: list[Fault], *, needed: bool = True
) -> Decimal | None:
    text = typed.get(name, "").strip()
    if not text and not needed:
        return None
    found = _decimal(text)
    if found is None:
        faults.append(Fault(f"/{name}", "A decimal number, such as 12.50.", "type" if text else "missing"))
    return found


def _decimal(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _tiers(text: str, faults: list[Fault]) -> tuple[Tier, ...]:
    """Return tiers, one on a line: `10000 7.5` is a rate of 7.5 from 10,000 on."""
    tiers = []
    for line in filter(str.strip, text.splitlines()):
        numbers = [_decimal(part) for part in line.split()]
        match numbers:
            case [Decimal() as start, Decimal() as rate]:
                tiers.append(Tier(start, rate))
            case _:
                faults.append(
                    Fault("/tiers", "On each line an amount and a rate, such as 10000 7.5.", "type")
                )
                return ()
    return tuple(tiers)


def _day(text: str, faults: list[Fault]) -> date | None:
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        faults.append(Fault("/valid_from", "A date such as 2026-11-23.", "type"))
        return None


def charge_words(terms: RuleTerms) -> str:
    """Return what a rule charges, in words: `7.5 basis points, at least 9.95 USD`."""
    content = terms.content()
    unit = (
        _BASIS_WORDS[terms.basis] if terms.basis == "BPS" else f"{terms.currency} {_BASIS_WORDS[terms.basis]}"
    )
    said = [f"{content['rate']} {unit}"]
    said += [f"{tier['rate']} from {tier['from']} {terms.currency} on" for tier in content["tiers"]]
    said += [f"at least {content['minimum']} {terms.currency}"] if terms.minimum is not None else []
    said += [f"at most {content['maximum']} {terms.currency}"] if terms.maximum is not None else []
    return ", ".join(said)


def scope_words(terms: RuleTerms) -> str:
    """Return which deals a rule charges, in words."""
    said = [
        _SIDE_WORDS.get(terms.side, ""),
        terms.product if terms.product != ANY else "",
        f"on {terms.market}" if terms.market != ANY else "",
        f"with {terms.counterparty}" if terms.counterparty else "",
        f"in {terms.currency}" if terms.currency != ANY else "",
    ]
    return " ".join(filter(None, said)) or "every deal"


def compared(content: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what a proposal changes: what, as it is, as it would be."""
    before, after = (
        _words(RuleTerms.read(content[each])) if content[each] else {} for each in ("before", "after")
    )
    return [(name, before.get(name, "—"), said) for name, said in after.items() if before.get(name) != said]


def _words(terms: RuleTerms) -> dict[str, str]:
    return {
        "Title": terms.title,
        "Type": terms.type,
        "Charges": charge_words(terms),
        "Of": scope_words(terms),
        "Who": _DIRECTION_WORDS[terms.direction],
        "The deal states it": "yes" if terms.is_stated else "no",
        "Active": "yes" if terms.is_active else "no",
    }


def _form(terms: RuleTerms | None, code: str) -> dict[str, Any]:
    """Return the form's fields as the newest version fills them."""
    if terms is None:
        return {"code": code, "stated": "on", "active": "on", "basis": "BPS", "direction": "PAY"}
    content = terms.content()
    return {
        **{
            name: "" if content[name] in (None, ANY) else content[name]
            for name in (*_TEXTS, "rate", "minimum", "maximum")
        },
        "tiers": "\n".join(f"{tier['from']} {tier['rate']}" for tier in content["tiers"]),
        "stated": "on" if terms.is_stated else "off",
        "active": "on" if terms.is_active else "off",
        "code": code,
    }


def _show(request: HttpRequest, code: str, *, problem: Problem | None = None) -> HttpResponse:
    """Show a rule, or the form for a new one, with what is wrong with the form that was sent, if anything."""
    now = utc_now()
    versions = versions_of(code, on=business_date(now)) if code else []
    newest = versions[0] if versions else None
    context = {
        "code": code,
        "newest": newest,
        "versions": [(each, charge_words(each.terms), scope_words(each.terms)) for each in versions],
        "in_force": next((each for each in versions if each.is_in_force), None),
        "pending_id": pending_proposals().get(code),
        "form": request.POST if problem else _form(newest.terms if newest else None, code),
        "bases": [(each, _BASIS_WORDS[each]) for each in BASES],
        "directions": [(each, _DIRECTION_WORDS[each]) for each in DIRECTIONS],
        "sides": [("" if each == ANY else each, _SIDE_WORDS.get(each, "both")) for each in SIDES],
        "products": PRODUCTS,
        "problem": Shown.of(problem) if problem else None,
    }
    status = problem.status if problem else 200
    return show(request, "ops/fee_rule.html", context, screen="fee_rule", now=now, status=status)

"""Rules of fees, taxes and commissions: versions made by two people, each in force from a trade date on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction

from core import four_eyes, sql
from core.audit import Actor, record
from core.clock import business_date
from core.http.problem import Fault, Problem, not_found
from core.models import Proposal
from core.money import format_number, is_currency, minor_units
from core.text import text_faults
from refdata.identifiers import is_mic
from refdata.models import FeeRule, FeeRuleVersion, Party
from refdata.services import note_changed

KIND = "fee_rule"
SUBJECT = "fee_rule"
RELEASES = "fee-rules"  # the name under which what waits for rules is found
ANY = "*"
BASES = tuple(FeeRuleVersion.Basis.values)
DIRECTIONS = tuple(FeeRuleVersion.Direction.values)
SIDES = (ANY, "BUY", "SELL")
TIERS_MAX = 20
_CODE_MAX, _TEXT_MAX = 40, 200
_CODE = re.compile(r"[A-Z0-9][A-Z0-9._-]*")
_RATE_END = Decimal("1e10")
_AMOUNT_END = Decimal("1e18")
_RATE_DECIMALS, _AMOUNT_DECIMALS = 8, 4


@dataclass(frozen=True, slots=True)
class Tier:
    """A rate that holds for the whole of a deal whose gross amount is at least `start`."""

    start: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class RuleTerms:
    """All that one version of a rule says. `counterparty` is a party's code, empty for every party.

    rate: basis points, or an amount in `currency`, by the basis. The product, market, currency and side may be `*`.
    """

    title: str
    type: str
    basis: str
    rate: Decimal
    direction: str
    is_stated: bool
    product: str = ANY
    market: str = ANY
    counterparty: str = ""
    currency: str = ANY
    side: str = ANY
    tiers: tuple[Tier, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    is_active: bool = True

    def content(self) -> dict[str, Any]:
        """Return what the version says as data for JSON, numbers as strings without zeros at the end."""
        numbers = {name: format_number(getattr(self, name)) for name in ("rate", "minimum", "maximum")}
        tiers = [{"from": format_number(each.start), "rate": format_number(each.rate)} for each in self.tiers]
        said = {name: getattr(self, name) for name in self.__slots__}
        return {**said, **numbers, "tiers": tiers}

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> RuleTerms:
        """Return the terms that `content` was made of."""
        numbers = {
            name: None if content[name] is None else Decimal(content[name])
            for name in ("rate", "minimum", "maximum")
        }
        tiers = tuple(Tier(Decimal(each["from"]), Decimal(each["rate"])) for each in content["tiers"])
        said = {name: content[name] for name in cls.__slots__}
        return cls(**{**said, **numbers, "tiers": tiers})


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of a rule as it stands: version 0 is none. is_in_force: for deals of the day of the question."""

    code: str
    version: int
    valid_from: date
    terms: RuleTerms
    is_in_force: bool
    proposal_id: int
    maker: str
    checker: str
    reason: str
    approved_at: datetime


_COLUMNS = """
SELECT r.code, v.version, v.valid_from, v.title, v.type, v.basis, v.rate, v.direction, v.is_stated, v.product, v.market,
       coalesce(p.code, '') AS counterparty, v.currency, v.side, v.tiers, v.minimum, v.maximum, v.is_active,
       o.id AS proposal_id, coalesce(m.username, a.name, '') AS maker, coalesce(k.username, '') AS checker, o.reason,
       v.approved_at,
       v.version = (SELECT max(w.version) FROM refdata_fee_rule_version w
                    WHERE w.rule_id = v.rule_id AND w.valid_from <= %(on)s) AS is_in_force
FROM refdata_fee_rule_version v
JOIN refdata_fee_rule r ON r.id = v.rule_id
JOIN core_proposal o ON o.id = v.proposal_id
LEFT JOIN refdata_party p ON p.id = v.party_id
LEFT JOIN auth_user m ON m.id = o.maker_id
LEFT JOIN core_api_client a ON a.id = o.maker_client_id
LEFT JOIN auth_user k ON k.id = o.checker_id
"""
_NEWEST = f"""
{_COLUMNS} WHERE v.version = (SELECT max(w.version) FROM refdata_fee_rule_version w WHERE w.rule_id = v.rule_id)
ORDER BY r.code
"""
_OF_RULE = f"{_COLUMNS} WHERE r.code = %(code)s ORDER BY v.version DESC"


def newest_versions(*, on: date) -> list[RuleVersion]:
    """Return the newest version of every rule, in force already or not, by code."""
    return [_version(row) for row in sql.records(_NEWEST, {"on": on})]


def versions_of(code: str, *, on: date) -> list[RuleVersion]:
    """Return every version of a rule, the newest first; Problem 404 when there is none."""
    found = [_version(row) for row in sql.records(_OF_RULE, {"on": on, "code": code})]
    if not found:
        raise not_found("fee rule")
    return found


def _version(row: Mapping[str, Any]) -> RuleVersion:
    tiers = tuple(
        Tier(Decimal(each["from"]), Decimal(each["rate"])) for each in sql.json_value(row["tiers"]) or ()
    )
    said = {name: row[name] for name in RuleTerms.__slots__ if name != "tiers"}
    rest = {name: row[name] for name in RuleVersion.__slots__ if name != "terms"}
    return RuleVersion(**rest, terms=RuleTerms(**said, tiers=tiers))


_PENDING = """
SELECT p.content->>'code', p.id FROM core_proposal p WHERE p.kind = %s AND p.subject = %s AND p.state = 'PENDING'
"""


def pending_proposals() -> dict[str, int]:
    """Return the proposals that wait, by the code of their rule."""
    return dict(sql.rows(_PENDING, [KIND, SUBJECT]))


# --- what may be proposed


def _faults(code: str, terms: RuleTerms, valid_from: date | None, today: date) -> Iterator[Fault]:
    for name, text, most in (
        ("code", code, _CODE_MAX),
        ("title", terms.title, _TEXT_MAX),
        ("type", terms.type, _CODE_MAX),
    ):
        yield from text_faults(text, pointer=f"/{name}", most=most)
        if text != text.strip():
            yield Fault(f"/{name}", "There are spaces around this.")
    if code and not _CODE.fullmatch(code):
        yield Fault("/code", "Capital letters, digits, dots and dashes, such as UK-STAMP.")
    for name, choices in (("basis", BASES), ("direction", DIRECTIONS), ("side", SIDES)):
        if getattr(terms, name) not in choices:
            yield Fault(f"/{name}", f"One of {', '.join(choices)}.", "unknown")
    if terms.market != ANY and not is_mic(terms.market):
        yield Fault("/market", "A MIC (ISO 10383), or * for every market.", "unknown")
    if terms.currency != ANY and not is_currency(terms.currency):
        yield Fault("/currency", "ISO 4217 lists no such currency; * is every one.", "unknown")
    if terms.counterparty and not Party.objects.filter(code=terms.counterparty).exists():
        yield Fault("/counterparty", "There is no party of this code.", "unknown")
    if valid_from is not None and valid_from < today:
        yield Fault("/valid_from", "What was charged in the past stays charged: today or later.", "past")
    yield from _number_faults(terms)


def _number_faults(terms: RuleTerms) -> Iterator[Fault]:
    rates = [
        ("/rate", terms.rate),
        *((f"/tiers/{at}/rate", tier.rate) for at, tier in enumerate(terms.tiers)),
    ]
    for pointer, rate in rates:
        if not 0 <= rate < _RATE_END or rate != round(rate, _RATE_DECIMALS):
            yield Fault(pointer, f"From 0 up, with at most {_RATE_DECIMALS} decimal places.", "range")
    digits = minor_units(terms.currency)
    for name in ("minimum", "maximum"):
        amount = getattr(terms, name)
        if amount is not None and (
            not 0 <= amount < _AMOUNT_END or amount != round(amount, _AMOUNT_DECIMALS)
        ):
            yield Fault(f"/{name}", f"From 0 up, with at most {_AMOUNT_DECIMALS} decimal places.", "range")
        elif amount is not None and digits is not None and amount != round(amount, digits):
            yield Fault(f"/{name}", f"{terms.currency} has {digits} decimal places.", "range")
    if terms.minimum is not None and terms.maximum is not None and terms.minimum > terms.maximum:
        yield Fault("/maximum", "This is less than the minimum.", "range")
    needs_currency = (
        terms.basis in ("PER_UNIT", "FLAT") or terms.minimum is not None or terms.maximum is not None
    )
    if terms.currency == ANY and needs_currency:
        yield Fault("/currency", "An amount is of one currency: name it.", "missing")
    starts = [tier.start for tier in terms.tiers]
    if len(starts) > TIERS_MAX:
        yield Fault("/tiers", f"At most {TIERS_MAX} tiers.", "length")
    if any(not 0 < start < _AMOUNT_END for start in starts) or sorted(set(starts)) != starts:
        yield Fault("/tiers", "Each tier begins above the one before, and the first above 0.", "range")
    if starts and terms.currency == ANY:
        yield Fault("/currency", "Tiers begin at amounts of one currency: name it.", "missing")


# --- four eyes


def propose_rule(
    *,
    code: str,
    terms: RuleTerms,
    valid_from: date | None,
    reason: str,
    now: datetime,
    actor: Actor,
    user: AbstractBaseUser | None = None,
    client_id: int | None = None,
) -> int:
    """Propose a new rule, or the next version of the one of this code; return the proposal's id.

    valid_from: the first trade date; None is the day of the approval. Problem 422 with every fault, 409 when nothing
    would change or another proposal for the rule waits.
    """
    faults = [*_faults(code, terms, valid_from, business_date(now)), *text_faults(reason, pointer="/reason")]
    if faults:
        raise Problem(422, "invalid", "This cannot be a fee rule.", faults=faults)
    with transaction.atomic():
        rule_id, before = _registered(code), _newest_content(code)
        if before == terms.content():
            raise Problem(409, "nothing-changes", "The rule says so already.")
        return four_eyes.propose(
            kind=KIND,
            subject=SUBJECT,
            subject_id=rule_id,
            content={"code": code, "before": before, "after": terms.content(), "valid_from": valid_from},
            user=user,
            client_id=client_id,
            reason=reason,
            now=now,
            actor=actor,
        )


def _registered(code: str) -> int:
    """Return the id of a rule, which is given to its code when somebody first proposes something for it."""
    sql.run("INSERT INTO refdata_fee_rule (code) VALUES (%s) ON CONFLICT (code) DO NOTHING", [code])
    return FeeRule.objects.get(code=code).id


def _newest_content(code: str) -> dict[str, Any] | None:
    found = sql.records(f"{_OF_RULE} LIMIT 1", {"on": date.max, "code": code})
    return _version(found[0]).terms.content() if found else None


def lock_rule(rule_id: int) -> None:
    """Lock a rule before its proposal: its versions are counted one after the other."""
    sql.run("SELECT 1 FROM refdata_fee_rule WHERE id = %s FOR UPDATE", [rule_id])


def apply_rule(proposal: Proposal, actor: Actor, at: datetime) -> None:
    """Store the version of an approved proposal, for trade dates from its day on: never before the approval's.

    Problem 409 when the rule can no longer say so.
    """
    content, today = proposal.content, business_date(at)
    code, terms = content["code"], RuleTerms.read(content["after"])
    if faults := list(_faults(code, terms, None, today)):
        raise Problem(409, "no-longer-possible", "The rule can no longer say so.", faults=faults)
    if _newest_content(code) != content["before"]:
        raise Problem(409, "rule-changed", "The rule is no longer what it was when this was proposed.")
    asked = content["valid_from"]
    valid_from = max(today, date.fromisoformat(asked)) if asked else today
    version = FeeRuleVersion.objects.filter(rule_id=proposal.subject_id).count() + 1
    stored = FeeRuleVersion(
        rule_id=proposal.subject_id,
        version=version,
        valid_from=valid_from,
        party=Party.objects.get(code=terms.counterparty) if terms.counterparty else None,
        proposal_id=proposal.id,
        approved_at=at,
        **_plain_columns(terms),
    )
    stored.save(force_insert=True)
    record(
        type="fee_rule.set",
        subject=SUBJECT,
        ids=[proposal.subject_id],
        versions=[version],
        actor=actor,
        at=at,
        reason=proposal.reason,
        data={"code": code, "valid_from": valid_from, "proposal_id": proposal.id, **terms.content()},
    )
    note_changed(RELEASES, [proposal.subject_id])


def _plain_columns(terms: RuleTerms) -> dict[str, Any]:
    names: Sequence[str] = [name for name in RuleTerms.__slots__ if name not in ("counterparty", "tiers")]
    tiers = terms.content()["tiers"]
    return {**{name: getattr(terms, name) for name in names}, "tiers": tiers or None}

"""All checks as one statement: one pass over the batch finds what is broken, and only that is looked at again.

The batch's columns, for the checks' conditions: everything of trades_version, `checked_version` and `block_id`;
`party_code`, `party_group` (its own code when it is of none), `restricted`, `party_country`, `party_lei`,
`kyc_valid_to`, `lei_valid_to`, `onboarded_on`, `credit_limit`, `max_discount` of the counterparty; `book_code`,
`book_active`, `desk`, `entity_id` of the book; `instrument_code` (of an unknown one, what the deal says), `issuer`,
`instrument_active`, `market`, `settlement_cycle`, `multiplier`, `price_basis`, `instrument_currency`,
`price_tolerance`, `liquidity_class` of the instrument; `minute` and `is_order`, see `arrival_sql`; `close`,
`close_date`, `day_low`, `day_high`, the latest close on or before the trade date and its range (null when none is
fresh); `trader_trades`, `trader_size`, `trader_spread` and the same of the `book_`, how many trades of the product the
trader and the book had lately, and the mean of the natural logarithms of their sizes and their deviation above it (null
when there were none); `expected_amount`, `actual_amount` and `paid_amount` as the product declares them; `minor_unit`
and `contra_minor_unit` of the two currencies; `size_log`, the natural logarithm of the base amount above zero.

Beside it stand `alike`, the few combinations of what the settlement of the batch rests on; `apart`, its trades with
legs that fall due on dates of their own; `legs`, every obligation of the batch (see trades/products/_legs.py);
`coverage`, the SSI that is chosen for each side of a leg (null: none); and, from _relations.py, `nearby`, `changes`,
`entries` and `order_lines`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from typing import Any

from core.money import currency_codes, minor_unit_sql
from refdata.ssi_choice import NARROWED, chosen_sql
from risk.checks import CHECKS
from risk.checks._relations import RELATIONS
from risk.checks._settings import Setting, Shape
from risk.checks.base import Check
from trades.products import PRODUCTS
from trades.products._legs import legs_sql, settling_columns, settling_sql

CLOSE_MAX_AGE_DAYS = 10
_CURRENCIES = "'{" + ",".join(currency_codes()) + "}'::text[]"


def arrival_sql(block: str) -> str:
    """Return SQL over versions `v` for `minute`, in which one was recorded (UTC), and `is_order`, whether it is an
    order of its own. block: SQL for the block that it is a part of.

    A part came when its block came, and all parts of one allocation are one order: the first of them counts.
    """
    came = f"SELECT recorded_at FROM trades_version WHERE trade_id = {block} AND version = 1"
    earlier = (
        "SELECT FROM trades_version o"
        f" JOIN trades_state p ON p.block_id = {block} AND p.trade_id < v.trade_id"
        " JOIN trades_version f ON f.trade_id = p.trade_id AND f.version = 1 AND f.recorded_at = o.recorded_at"
        " WHERE o.trade_id = v.trade_id AND o.version = 1 OFFSET 0"  # else all of them would be hashed
    )
    return (
        f"date_trunc('minute', CASE WHEN {block} IS NULL THEN v.recorded_at ELSE ({came}) END)"
        f" AT TIME ZONE 'UTC' AS minute, {block} IS NULL OR NOT EXISTS ({earlier}) AS is_order"
    )


# OFFSET 0 makes each look-up a look-up by key, however wrong PostgreSQL's picture of the tables is after a load. The
# one after `computed` lets that be computed once for a trade, not once for each check that reads it.
_BATCH = """
WITH batch AS MATERIALIZED (
    SELECT b.*, {mask} AS broken
    FROM (
      SELECT b.*, {computed}
      FROM (
        SELECT v.*, w.checked_version, w.block_id,
               p.code AS party_code, p.restricted, p.country AS party_country, p.lei AS party_lei,
               coalesce(nullif(p.party_group, ''), p.code) AS party_group,
               p.kyc_valid_to, p.lei_valid_to, p.onboarded_on, p.credit_limit, p.max_discount,
               k.code AS book_code, k.active AS book_active, k.desk, k.entity_id,
               coalesce(i.code, v.instrument_ref) AS instrument_code, nullif(i.issuer, '') AS issuer,
               {arrival},
               i.active AS instrument_active, i.market, i.settlement_cycle, i.multiplier, i.price_basis,
               i.currency AS instrument_currency, i.price_tolerance, i.liquidity_class,
               i.close, i.close_date, i.close_currency, i.day_low, i.day_high,
               ht.trades AS trader_trades, ht.mean AS trader_size, ht.spread AS trader_spread,
               hb.trades AS book_trades, hb.mean AS book_size, hb.spread AS book_spread
        FROM unnest(%(ids)s::bigint[], %(versions)s::int[], %(befores)s::int[], %(blocks)s::bigint[])
            AS w(trade_id, version, checked_version, block_id)
        CROSS JOIN LATERAL (
            SELECT * FROM trades_version v WHERE v.trade_id = w.trade_id AND v.version = w.version OFFSET 0
        ) v
        LEFT JOIN LATERAL (SELECT * FROM refdata_party p WHERE p.id = v.counterparty_id OFFSET 0) p ON true
        LEFT JOIN LATERAL (SELECT * FROM refdata_book k WHERE k.id = v.book_id OFFSET 0) k ON true
        LEFT JOIN LATERAL (
            SELECT i.*, c.price AS close, c.date AS close_date, c.currency AS close_currency,
                   c.low AS day_low, c.high AS day_high
            FROM refdata_instrument i
            LEFT JOIN LATERAL (
                SELECT price, date, currency, low, high FROM refdata_close_price c
                WHERE c.instrument_id = v.instrument_id
                  AND c.date BETWEEN v.trade_date - {close_age} AND v.trade_date
                ORDER BY c.date DESC LIMIT 1
            ) c ON true
            WHERE i.id = v.instrument_id OFFSET 0
        ) i ON true
        LEFT JOIN LATERAL (
            SELECT trades, mean, spread FROM risk_size_history h
            WHERE h.scope = 'TRADER' AND h.key = v.trader AND h.product = v.product OFFSET 0
        ) ht ON true
        LEFT JOIN LATERAL (
            SELECT trades, mean, spread FROM risk_size_history h
            WHERE h.scope = 'BOOK' AND h.key = k.code AND h.product = v.product OFFSET 0
        ) hb ON true
      ) b
      OFFSET 0
    ) b
), alike AS MATERIALIZED (
    SELECT DISTINCT counterparty_id, entity_id, book_code, product, {settling} FROM batch
), apart AS MATERIALIZED (
    SELECT * FROM batch b WHERE {due_apart}
), legs AS MATERIALIZED (
    {legs}
), narrowing AS MATERIALIZED (
    SELECT DISTINCT party_id FROM ({narrowed}) AS n
), sides AS MATERIALIZED (
    SELECT DISTINCT party_id, product, {settling}, CASE WHEN narrowed THEN book_code END AS book, narrowed
    FROM (
        SELECT b.counterparty_id AS party_id, b.product, {settling}, b.book_code, w.party_id IS NOT NULL AS narrowed
        FROM alike b LEFT JOIN narrowing w ON w.party_id = b.counterparty_id WHERE b.counterparty_id IS NOT NULL
        UNION ALL
        SELECT b.entity_id, b.product, {settling}, b.book_code, w.party_id IS NOT NULL
        FROM alike b LEFT JOIN narrowing w ON w.party_id = b.entity_id WHERE b.entity_id IS NOT NULL
    ) AS each
), coverage AS MATERIALIZED (
    SELECT n.*, {chosen} AS ssi_id
    FROM (SELECT DISTINCT * FROM ({needed}) each WHERE ssi_key IS NOT NULL) n
)"""

_STATEMENT = """{batch}{relations}, failing AS MATERIALIZED (
    SELECT * FROM batch WHERE broken <> 0
), finding (trade_id, code, subject, expected, actual) AS (
    {findings}
)
SELECT trade_id, code, subject, expected, actual, NULL::jsonb, NULL::int, NULL::text[], NULL::numeric, NULL::numeric,
       NULL::numeric
FROM finding
UNION ALL
SELECT b.trade_id, NULL, NULL, NULL, NULL, {compared}, NULL, NULL, NULL, NULL, NULL FROM failing b
{uses}
"""
_USES = """UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, CASE {grouping} {numbers} END, CASE {grouping} {places} END,
       sum({size}), max({size}), {down}
FROM batch b
WHERE b.checked_version IS NULL AND {size} IS NOT NULL
GROUP BY GROUPING SETS ({sets})"""

# What a limit can be kept by, and where the batch has it.
DIMENSIONS = {
    "counterparty": "party_code",
    "book": "book_code",
    "desk": "desk",
    "entity": "entity_id",
    "trader": "trader",
    "country": "party_country",
    "instrument": "instrument_code",
    "product": "product",
    "currency": "currency",
    "source": "source",
    "party_group": "party_group",
    "issuer": "issuer",
}
# What a measure may split its figures by besides, and where the batch has it.
WINDOWS = {"value_date": "settlement_date", "trade_date": "trade_date", "minute": "minute"}
COLUMNS = {**DIMENSIONS, **WINDOWS}

# The dimensions a limit is kept by, the SQL of its measure's size, and whether sizes may be negative.
Group = tuple[tuple[str, ...], str, bool]


@lru_cache(maxsize=256)
def composed_statement(groups: tuple[Group, ...], shape: Shape | None = None) -> str:
    """Return the statement that checks trades; its parameters are those of `bound_to()`.

    shape: the active checks and what they are narrowed by; None: every check, as it declares.

    Its rows are of three kinds. A finding: trade_id, code, subject, expected, actual. Once for each trade that breaks a
    condition, trade_id and in column 6 what all conditions compared: a JSON object by name, of which `compared` says
    what is a check's. A use of limits by trades never checked before: in columns 7 to 11 the position in `groups`, the
    place (one text for each dimension), and the sum, the greatest and the negative part of the sizes there; a place
    with a null in it is none.
    """
    scopes = dict.fromkeys(CHECKS, ()) if shape is None else dict(shape)
    active = [CHECKS[code] for code in scopes]
    flagged = [check for check in active if check.condition]
    findings = [
        f"SELECT b.trade_id, '{check.code}', {_sql(check, check.subject)}, ({_sql(check, check.expected)})::text,"
        f" ({_sql(check, check.actual)})::text FROM failing b WHERE b.broken & {1 << bit}::bigint <> 0"
        for bit, check in enumerate(flagged)
    ] + [
        f"SELECT r.trade_id, '{check.code}', r.subject, r.expected::text, r.actual::text"
        f" FROM ({_sql(check, check.rows)}) AS r{_of_batch(check, scopes[check.code])}"
        for check in active
        if check.rows
    ]
    settling = ", ".join(settling_columns())
    batch = _BATCH.format(
        arrival=arrival_sql("w.block_id"),
        close_age=CLOSE_MAX_AGE_DAYS,
        legs=legs_sql("batch"),
        settling=settling,
        needed=settling_sql("sides", "apart"),
        due_apart=product_parts()["due_apart"],
        computed=", ".join(f"{value} AS {name}" for name, value in _computed().items()),
        mask=_mask_sql(flagged, scopes),
        narrowed=NARROWED,
        chosen=chosen_sql("n"),
    )
    return _STATEMENT.format(
        batch=batch,
        relations=RELATIONS,
        findings="\n    UNION ALL ".join(findings),
        compared=_compared_sql(flagged),
        uses="\n".join(_uses(groups)),
    )


def _mask_sql(flagged: Sequence[Check], scopes: Mapping[str, Sequence[str]]) -> str:
    """Return SQL over `b` that sets a bit for each condition that a trade breaks.

    Those of some products only are behind one comparison: a share is not asked for each rule of a swap.
    """
    flags: dict[tuple[str, ...], list[str]] = {}
    for bit, check in enumerate(flagged):
        broken = _within(check, scopes[check.code], _sql(check, check.condition))
        flags.setdefault(check.products, []).append(
            f"(CASE WHEN {broken} THEN {1 << bit}::bigint ELSE 0 END)"
        )
    return (
        " | ".join(
            f"(CASE WHEN {_of_products(products)} THEN {' | '.join(each)} ELSE 0 END)"
            if products
            else " | ".join(each)
            for products, each in flags.items()
        )
        or "0"
    )


def _of_products(codes: Iterable[str]) -> str:
    return "b.product IN ({})".format(", ".join(f"'{code}'" for code in codes))


def _uses(groups: tuple[Group, ...]) -> Iterator[str]:
    """Yield SQL that sums the uses of all groups of one size in one pass over the batch."""
    for size, signed in dict.fromkeys((size, signed) for _, size, signed in groups):
        numbered = [(number, places) for number, (places, each, _) in enumerate(groups) if each == size]
        columns = sorted({COLUMNS[dimension] for _, places in numbered for dimension in places})
        masks = {number: _grouping(columns, places) for number, places in numbered}
        arrays = {
            number: f"ARRAY[{', '.join(f'b.{COLUMNS[dimension]}::text' for dimension in places)}]"
            for number, places in numbered
        }
        yield _USES.format(
            grouping=f"GROUPING({', '.join(f'b.{column}' for column in columns)})",
            numbers=" ".join(f"WHEN {masks[number]} THEN {number}" for number, _ in numbered),
            places=" ".join(f"WHEN {masks[number]} THEN {arrays[number]}" for number, _ in numbered),
            sets=", ".join(
                f"({', '.join(f'b.{COLUMNS[dimension]}' for dimension in places)})" for _, places in numbered
            ),
            size=size,
            down=f"-sum(least({size}, 0))" if signed else "0::numeric",
        )


def _grouping(columns: Sequence[str], places: Sequence[str]) -> int:
    """Return what GROUPING says where just these places are grouped: a bit for each column that is not."""
    grouped = {COLUMNS[dimension] for dimension in places}
    return int("".join("0" if column in grouped else "1" for column in columns), 2)


def _within(check: Check, scope: Sequence[str], condition: str) -> str:
    """Return a condition over `b` that only trades of the check's scope can meet."""
    if not scope:
        return condition
    members = " AND ".join(
        f"b.{DIMENSIONS[dimension]}::text = ANY(%({_scope(check, dimension)})s::text[])"
        for dimension in scope
    )
    return f"{members} AND ({condition})"


def _of_batch(check: Check, scope: Sequence[str]) -> str:
    """Return the condition that keeps rows of the check's scope."""
    if not scope:
        return ""
    return f" WHERE r.trade_id IN (SELECT b.trade_id FROM batch b WHERE {_within(check, scope, 'true')})"


# What a condition reads of a trade: parts of its terms and columns; whole documents say too much.
_TERM = re.compile(r"b\.terms((?:->'\w+')*->>'\w+')")
_COLUMN = re.compile(r"\bb\.(\w+)")
_UNTOLD = {"terms", "fees", "block_id", "size_log"}  # documents, and what is no part of the terms
_MEMBERS_AT_ONCE = 40  # a function takes at most 100 arguments


@cache
def compared(code: str) -> dict[str, str]:
    """Return what the condition of a check compares: SQL over `b`, by name."""
    check = CHECKS[code]
    read = check.condition
    found = {part: f"b.{part}" for part in _computed() if f"{{{part}}}" in read}
    if check.products:
        found["product"] = "b.product"
    for path in _TERM.findall(read):
        found[".".join(["terms", *re.findall(r"\w+", path)])] = f"b.terms{path}"
    for column in _COLUMN.findall(read):
        if column not in _UNTOLD:
            found[column] = f"b.{column}"
    if "%(today)s" in read:
        found["today"] = "%(today)s::date"
    return found


def _compared_sql(checks: Iterable[Check]) -> str:
    """Return SQL over `b` for what conditions compare, as one JSON object: to plan one for each would cost more."""
    members = list({name: value for check in checks for name, value in compared(check.code).items()}.items())
    parts = [
        ", ".join(f"'{name}', {value}" for name, value in members[at : at + _MEMBERS_AT_ONCE])
        for at in range(0, len(members), _MEMBERS_AT_ONCE)
    ]
    return " || ".join(f"jsonb_build_object({part})" for part in parts) or "'{}'::jsonb"


Row = tuple[
    int, int, int | None, int | None
]  # a trade, its version, the one checked before, the block it is part of


def bound_to(rows: Sequence[Row], *, today: date, settings: Iterable[Setting] = ()) -> dict[str, Any]:
    """Return the parameters of the composed statement for trades."""
    ids, versions, befores, blocks = (
        (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4
    )
    return {
        "ids": ids,
        "versions": versions,
        "befores": befores,
        "blocks": blocks,
        "today": today,
        **parameters(settings),
    }


def parameters(settings: Iterable[Setting] = ()) -> dict[str, Any]:
    """Return the checks' parameters and scopes under the names the composed statement uses.

    settings: how checks are set; the others are as they declare.
    """
    bound: dict[str, Any] = dict(_declared())
    for setting in settings:
        check = CHECKS[setting.code]
        bound.update({_parameter(check, name): value for name, value in setting.parameters.items()})
        bound.update({_scope(check, name): list(members) for name, members in setting.scope.items()})
    return bound


@cache
def _declared() -> dict[str, str]:
    return {
        _parameter(check, name): value
        for check in CHECKS.values()
        for name, value in check.parameters.items()
    }


@cache
def _computed() -> dict[str, str]:
    """Return SQL over `b` for what is computed once for each trade, by name of column."""
    paid = {code: each.paid_amount for code, each in PRODUCTS.items() if each.paid_amount != "b.gross_amount"}
    whens = " ".join(f"WHEN '{code}' THEN {amount}" for code, amount in paid.items())
    return {
        "expected_amount": _amount_case("expected_amount"),
        "actual_amount": _amount_case("actual_amount"),
        "paid_amount": f"(CASE b.product {whens} ELSE b.gross_amount END)",
        "minor_unit": minor_unit_sql("b.currency"),
        "contra_minor_unit": minor_unit_sql("b.contra_currency"),
        "size_log": "(CASE WHEN b.base_amount > 0 THEN ln(b.base_amount::float8) END)",
    }


def _amount_case(part: str) -> str:
    """Return SQL over `b` for a part of every product's amount declaration (`expected_amount` …)."""
    whens = " ".join(f"WHEN '{code}' THEN {getattr(product, part)}" for code, product in PRODUCTS.items())
    return f"(CASE b.product {whens} END)"


@cache
def product_parts() -> dict[str, str]:
    """Return SQL over `b` for what the products declare, by the name that checks use for it."""
    on_top = [code for code, each in PRODUCTS.items() if each.fees_on_top]
    apart = [code for code, each in PRODUCTS.items() if any("." in leg.date for leg in each.legs)]
    return {
        **{name: f"b.{name}" for name in _computed()},
        "fees_on_top": _of_products(on_top),
        "due_apart": _of_products(apart),
        "currencies": _CURRENCIES,
    }


def _parameter(check: Check, name: str) -> str:
    return f"{check.code.lower()}_{name}"


def _scope(check: Check, dimension: str) -> str:
    return f"{check.code.lower()}_scope_{dimension}"


def _sql(check: Check, fragment: str) -> str:
    """Return a check's SQL with its `{name}` parameters as bound ones, and the products' parts in place."""
    for name in check.parameters:
        fragment = fragment.replace(f"{{{name}}}", f"%({_parameter(check, name)})s::numeric")
    for part, declared in product_parts().items():
        fragment = fragment.replace(f"{{{part}}}", declared)
    return fragment

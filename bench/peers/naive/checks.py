"""The product's rules and limits, each asking the ORM for what it needs."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from django.db.models import Q
from django.utils import timezone
from iso4217 import Currency
from stdnum import isin, lei

from bench.peers.naive.calendar import is_business_day
from bench.peers.naive.models import ClosePrice, Instrument, Limit, Ssi, Trade, Utilisation

Finding = tuple[str, str, str]
CURRENCIES = {currency.code for currency in Currency}
CENT = Decimal("0.01")
FX_TOLERANCE, PRICE_TOLERANCE = Decimal("0.00001"), Decimal("0.10")
CLOSE_MAX_AGE = timedelta(days=10)
LEI_LENGTH, ISIN_LENGTH = 20, 12


def unknown_references(trade: Trade) -> Iterator[Finding]:
    if trade.counterparty_found is None:
        yield "UNKNOWN_PARTY", "BLOCK", f"The party {trade.counterparty_ref} is not known."
    if trade.book_found is None:
        yield "UNKNOWN_BOOK", "BLOCK", f"The book {trade.book_ref} is not known."
    if trade.instrument_ref and trade.instrument_found is None:
        yield "UNKNOWN_INSTRUMENT", "BLOCK", f"The instrument {trade.instrument_ref} is not known."
    for line in trade.terms.get("lines", []):
        if not Instrument.objects.filter(code=line["sku"]).exists():
            yield "UNKNOWN_INSTRUMENT", "BLOCK", f"The article {line['sku']} is not known."


def bad_identifier(trade: Trade) -> Iterator[Finding]:
    instrument, party = trade.instrument_ref, trade.counterparty_ref
    if trade.instrument_found is None and len(instrument) == ISIN_LENGTH and not isin.is_valid(instrument):
        yield "BAD_IDENTIFIER", "BLOCK", f"{instrument} is not a valid ISIN."
    if trade.counterparty_found is None and len(party) == LEI_LENGTH and not lei.is_valid(party):
        yield "BAD_IDENTIFIER", "BLOCK", f"{party} is not a valid LEI."


def unknown_currency(trade: Trade) -> Iterator[Finding]:
    for code in filter(None, (trade.currency, trade.contra_currency)):
        if code not in CURRENCIES:
            yield "UNKNOWN_CURRENCY", "BLOCK", f"{code} is not a currency that ISO 4217 lists."


def settlement_instructions(trade: Trade) -> Iterator[Finding]:
    parties = [trade.counterparty_found, trade.book_found.entity if trade.book_found else None]
    for kind, key in _legs(trade):
        for party in filter(None, parties):
            found = list(
                Ssi.objects.filter(
                    party=party, kind=kind, key__in=[key, "*"], valid_from__lte=trade.settlement_date
                )
                .filter(Q(valid_to=None) | Q(valid_to__gte=trade.settlement_date))
                .values_list("key", flat=True)
            )
            count = found.count(key) or len(found)
            if count == 0:
                yield "SSI_MISSING", "BLOCK", f"{party.code} has no instruction for {kind} {key}."
            if count > 1:
                yield "SSI_AMBIGUOUS", "BLOCK", f"{party.code} has several instructions for {kind} {key}."


def _legs(trade: Trade) -> list[tuple[str, str]]:
    if trade.product == "EQUITY":
        market = trade.instrument_found.market if trade.instrument_found else ""
        return [("SECURITY", market), ("CASH", trade.currency)]
    if trade.product == "GOODS":
        return [("GOODS", "*"), ("CASH", trade.currency)]
    return [("CASH", trade.currency), ("CASH", trade.contra_currency)]


def amount_mismatch(trade: Trade) -> Iterator[Finding]:
    actual, tolerance = trade.gross_amount, CENT
    if trade.product == "EQUITY":
        multiplier = trade.instrument_found.multiplier if trade.instrument_found else 1
        expected = trade.quantity * trade.price * multiplier
    elif trade.product == "GOODS":
        lines = trade.terms["lines"]
        expected = sum(Decimal(line["quantity"]) * Decimal(line["unit_price"]) for line in lines)
    else:
        divided = trade.terms.get("rate_basis") == "BOUGHT_PER_SOLD"
        expected = trade.gross_amount / trade.price if divided else trade.gross_amount * trade.price
        actual = trade.contra_amount
        tolerance += abs(actual) * FX_TOLERANCE
        tolerance = max(tolerance, Decimal(1)) if trade.contra_currency == "JPY" else tolerance
    if abs(expected - actual) > tolerance:
        yield "AMOUNT_MISMATCH", "BLOCK", f"The factors make {expected}, but the amount says {actual}."


def net_mismatch(trade: Trade) -> Iterator[Finding]:
    if trade.contra_currency:
        return
    fees = sum(Decimal(fee["amount"]) for fee in trade.fees if fee["currency"] == trade.currency)
    sign = -1 if trade.side == "SELL" and trade.product != "GOODS" else 1
    if abs(trade.net_amount - trade.gross_amount - sign * fees) >= CENT:
        yield "NET_MISMATCH", "BLOCK", "Gross amount and fees do not make the net amount."


def non_positive(trade: Trade) -> Iterator[Finding]:
    figures = [trade.quantity, trade.price, trade.contra_amount]
    for line in trade.terms.get("lines", []):
        figures += [Decimal(line["quantity"]), Decimal(line["unit_price"])]
    if any(figure is not None and figure <= 0 for figure in figures):
        yield "NON_POSITIVE", "BLOCK", "Quantities and prices must be above zero."


def dates(trade: Trade) -> Iterator[Finding]:
    today = timezone.now().date()
    if trade.settlement_date < trade.trade_date:
        yield "SETTLES_BEFORE_TRADE", "BLOCK", "The settlement date lies before the trade date."
    market = trade.instrument_found.market if trade.instrument_found else ""
    calendars = ["FIRM", trade.currency, trade.contra_currency, market]
    if not is_business_day(trade.settlement_date, calendars):
        yield "NOT_BUSINESS_DAY", "BLOCK", f"{trade.settlement_date} is not a business day."
    if trade.trade_date > today + timedelta(days=1):
        yield "TRADE_DATE_IN_FUTURE", "BLOCK", f"The trade date {trade.trade_date} lies in the future."
    if trade.trade_date < today - timedelta(days=30):
        yield "TRADE_DATE_TOO_OLD", "WARN", f"The trade date {trade.trade_date} is more than 30 days ago."


def off_market_price(trade: Trade) -> Iterator[Finding]:
    if trade.instrument_found is None or trade.price is None:
        return
    close = (
        ClosePrice.objects.filter(
            instrument=trade.instrument_found,
            date__range=(trade.trade_date - CLOSE_MAX_AGE, trade.trade_date),
        )
        .order_by("-date")
        .first()
    )
    tolerance = trade.instrument_found.price_tolerance or PRICE_TOLERANCE
    if close and close.currency == trade.currency and abs(trade.price / close.price - 1) > tolerance:
        yield "OFF_MARKET_PRICE", "BLOCK", f"The close was {close.price}."


def possible_duplicate(trade: Trade) -> Iterator[Finding]:
    others = Trade.objects.filter(
        pk__lt=trade.pk,
        trade_date=trade.trade_date,
        counterparty_ref=trade.counterparty_ref,
        product=trade.product,
        side=trade.side,
        instrument_ref=trade.instrument_ref,
        quantity=trade.quantity,
        price=trade.price,
        book_ref=trade.book_ref,
        net_amount=trade.net_amount,
    )
    if other := others.first():
        yield "POSSIBLE_DUPLICATE", "BLOCK", f"The same deal was captured before as {other.source_ref}."


def restricted_party(trade: Trade) -> Iterator[Finding]:
    if trade.counterparty_found and trade.counterparty_found.restricted:
        yield "RESTRICTED_PARTY", "BLOCK", f"{trade.counterparty_ref} is restricted."


def no_fx_rate(trade: Trade) -> Iterator[Finding]:
    if trade.base_amount is None:
        yield "NO_FX_RATE", "BLOCK", f"There is no rate of {trade.currency}."


CHECKS = (
    unknown_references,
    bad_identifier,
    unknown_currency,
    settlement_instructions,
    amount_mismatch,
    net_mismatch,
    non_positive,
    dates,
    off_market_price,
    possible_duplicate,
    restricted_party,
    no_fx_rate,
)


def check_limits(trade: Trade) -> list[Finding]:
    """Add the trade to the figure of every limit, under its lock, and tell which are exceeded."""
    findings: list[Finding] = []
    if trade.base_amount is None:
        return findings
    for limit in Limit.objects.order_by("id"):
        key = _member(trade, limit.dimension)
        if not key:
            continue
        used = trade.base_amount
        if limit.accumulates:
            figure, _ = Utilisation.objects.select_for_update().get_or_create(limit=limit, key=key)
            figure.used += trade.base_amount
            figure.save()
            used = figure.used
        if used > limit.hard:
            findings.append(("LIMIT_BREACH", "BLOCK", f"{key} exceeds the limit {limit.code}."))
        elif limit.warn is not None and used > limit.warn:
            findings.append(("LIMIT_WARNING", "WARN", f"{key} passes the warning mark of {limit.code}."))
    return findings


def _member(trade: Trade, dimension: str) -> str:
    party, book = trade.counterparty_found, trade.book_found
    members = {
        "counterparty": party.code if party else "",
        "book": book.code if book else "",
        "desk": book.desk if book else "",
        "trader": trade.trader,
    }
    return members[dimension]

"""Reference data: who deals, in what, for which book, settled where, on which days, at which prices.

Rows are never deleted (a trigger refuses it): trades keep their ids without a foreign key.
"""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import F, Q

ANY = "*"  # stands for every market or currency


class Party(models.Model):
    """A legal entity: our own entity, a counterparty of trades, or a customer of orders."""

    class Role(models.TextChoices):
        ENTITY = "ENTITY", "own entity"
        COUNTERPARTY = "COUNTERPARTY", "counterparty"
        CUSTOMER = "CUSTOMER", "customer"

    id = models.BigAutoField(primary_key=True)
    code = models.TextField(unique=True, help_text="the firm's own short code")
    name = models.TextField()
    lei = models.TextField(unique=True, null=True, blank=True, help_text="ISO 17442")
    bic = models.TextField(null=True, blank=True, help_text="ISO 9362")
    role = models.TextField(choices=Role.choices, default=Role.COUNTERPARTY)
    country = models.TextField(blank=True, help_text="ISO 3166-1 alpha-2")
    restricted = models.BooleanField(default=False, help_text="deals are held for a decision")
    party_group = models.TextField(
        blank=True,
        default="",
        help_text="the group of companies it belongs to; the same text for all of them",
    )
    kyc_valid_to = models.DateField(
        null=True, blank=True, help_text="last day of its know-your-customer review"
    )
    lei_valid_to = models.DateField(
        null=True, blank=True, help_text="last day before its LEI must be renewed"
    )
    onboarded_on = models.DateField(
        null=True,
        blank=True,
        help_text="when business with it was opened; its first trade is then pointed out",
    )
    credit_limit = models.DecimalField(
        max_digits=28,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="of a customer: open orders at most, in base currency",
    )
    max_discount = models.DecimalField(
        max_digits=6,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="of a customer: discount from the list as a fraction; empty: the check's own",
    )

    class Meta:
        db_table = "refdata_party"
        verbose_name_plural = "parties"
        constraints = [
            models.CheckConstraint(
                condition=Q(credit_limit__isnull=True) | Q(credit_limit__gte=0),
                name="refdata_party_credit_limit",
            ),
            models.CheckConstraint(
                condition=Q(max_discount__isnull=True) | Q(max_discount__gte=0, max_discount__lte=1),
                name="refdata_party_max_discount",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Instrument(models.Model):
    """What is dealt in: a security by its ISIN, a good by its SKU."""

    class ProductClass(models.TextChoices):
        EQUITY = "EQUITY", "equity"
        FUND = "FUND", "fund"
        BOND = "BOND", "bond"
        LISTED_DERIVATIVE = "LISTED_DERIVATIVE", "listed derivative"
        GOODS = "GOODS", "goods"
        SERVICE = "SERVICE", "service"

    class PriceBasis(models.TextChoices):
        UNIT = "UNIT", "per unit"
        PERCENT = "PERCENT", "per cent of nominal"

    class LiquidityClass(models.TextChoices):
        HIGH = "HIGH", "high"
        MEDIUM = "MEDIUM", "medium"
        LOW = "LOW", "low"

    class OptionType(models.TextChoices):
        CALL = "CALL", "call"
        PUT = "PUT", "put"

    id = models.BigAutoField(primary_key=True)
    code = models.TextField(unique=True, help_text="ISIN of a security, SKU of a good")
    scheme = models.TextField(default="ISIN", help_text="what `code` is: ISIN, SKU …")
    name = models.TextField()
    product_class = models.TextField(choices=ProductClass.choices)
    currency = models.TextField(help_text="ISO 4217")
    price_basis = models.TextField(choices=PriceBasis.choices, default=PriceBasis.UNIT)
    multiplier = models.DecimalField(max_digits=18, decimal_places=6, default=1)
    settlement_cycle = models.SmallIntegerField(
        null=True,
        blank=True,
        help_text="business days from trade to settlement; empty: the product's",
    )
    market = models.TextField(blank=True, default="", help_text="ISO 10383 MIC of the main market")
    price_tolerance = models.DecimalField(
        max_digits=6,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="allowed distance from the close as a fraction; empty: that of its liquidity class",
    )
    liquidity_class = models.TextField(
        blank=True,
        default="",
        choices=LiquidityClass.choices,
        help_text="how much it is dealt in; with a class, a fresh price is expected",
    )
    active = models.BooleanField(default=True)
    coupon_rate = models.DecimalField(
        max_digits=10,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="of a bond: per cent of nominal a year; 0: none is paid",
    )
    coupon_frequency = models.SmallIntegerField(
        null=True, blank=True, help_text="of a bond: coupons a year (1, 2, 3, 4, 6 or 12)"
    )
    day_count = models.TextField(blank=True, default="", help_text="of a bond: FpML day count fraction")
    end_of_month = models.BooleanField(
        default=False,
        help_text="of a bond: a coupon falls on the last day of its month, as the maturity does",
    )
    dated_date = models.DateField(null=True, blank=True, help_text="of a bond: interest accrues from here")
    maturity = models.DateField(null=True, blank=True, help_text="of a bond: when the nominal is paid back")
    expiry = models.DateField(
        null=True, blank=True, help_text="of a listed derivative: the last day it is traded"
    )
    option_type = models.TextField(
        blank=True, default="", choices=OptionType.choices, help_text="of a listed option; empty: a future"
    )
    strike = models.DecimalField(
        max_digits=28, decimal_places=10, null=True, blank=True, help_text="of a listed option"
    )
    underlying = models.TextField(
        blank=True, default="", help_text="of a listed derivative: what it is on, by code or in words"
    )
    issuer = models.TextField(blank=True, default="", help_text="who issued it, by code or LEI")

    class Meta:
        db_table = "refdata_instrument"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    coupon_rate__isnull=True, dated_date__isnull=True, maturity__isnull=True, day_count=""
                )
                | Q(
                    coupon_rate__isnull=False,
                    dated_date__isnull=False,
                    maturity__isnull=False,
                    coupon_rate__gte=0,
                    dated_date__gte=date(1950, 1, 1),
                    dated_date__lt=F("maturity"),
                    maturity__lte=date(2199, 12, 31),
                )
                & ~Q(day_count=""),
                name="refdata_instrument_bond",
            ),
            models.CheckConstraint(
                condition=Q(coupon_frequency__isnull=True) | Q(coupon_frequency__in=[1, 2, 3, 4, 6, 12]),
                name="refdata_instrument_frequency",
            ),
            models.CheckConstraint(
                condition=Q(option_type="", strike__isnull=True)
                | Q(option_type__in=["CALL", "PUT"], strike__isnull=False, expiry__isnull=False),
                name="refdata_instrument_option",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class InstrumentIdentifier(models.Model):
    """A further identifier of an instrument: SEDOL, CUSIP, FIGI, WKN, ticker."""

    id = models.BigAutoField(primary_key=True)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="identifiers")
    scheme = models.TextField()
    value = models.TextField(unique=True)

    class Meta:
        db_table = "refdata_instrument_identifier"
        verbose_name = "identifier"

    def __str__(self) -> str:
        return f"{self.scheme} {self.value}"


class Book(models.Model):
    """Where a position lies: a book of a desk of one of our entities."""

    id = models.BigAutoField(primary_key=True)
    code = models.TextField(unique=True)
    name = models.TextField(blank=True)
    desk = models.TextField()
    entity = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="books")
    active = models.BooleanField(default=True)

    class Meta:
        db_table = "refdata_book"

    def __str__(self) -> str:
        return self.code


class Ssi(models.Model):
    """A standing settlement instruction: where a party wants cash, securities or goods delivered.

    `key` is the currency for cash, the market (MIC) or `*` for securities, `*` for goods. `product`, `currency`,
    `market` and `book` narrow it to trades of these; the most specific one is chosen (refdata/ssi_choice.py). Two that
    name the same never hold on the same day: an exclusion constraint of the database.
    """

    class Kind(models.TextChoices):
        CASH = "CASH", "cash"
        SECURITY = "SECURITY", "security"
        GOODS = "GOODS", "goods"

    id = models.BigAutoField(primary_key=True)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="ssis")
    kind = models.TextField(choices=Kind.choices)
    key = models.TextField(default="*")
    product = models.TextField(default="*", db_default="*", help_text="a product, or * for every one")
    currency = models.TextField(
        default="*",
        db_default="*",
        help_text="of securities and goods: the trade's currency, or * for every one",
    )
    market = models.TextField(
        default="*",
        db_default="*",
        help_text="of cash: the MIC of the instrument's market, or * for every one",
    )
    book = models.TextField(default="*", db_default="*", help_text="the code of a book, or * for every one")
    account = models.TextField(blank=True, help_text="IBAN or account of cash, safekeeping account")
    agent_bic = models.TextField(blank=True, help_text="BIC of the agent or custodian")
    place_of_settlement = models.TextField(blank=True, help_text="BIC of the securities depository")
    delivery_address = models.TextField(blank=True)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="last day on which it holds")

    class Meta:
        db_table = "refdata_ssi"
        verbose_name = "SSI"
        indexes = [
            models.Index(fields=["party", "kind", "key"], name="refdata_ssi_lookup"),
            models.Index(
                fields=["party"],
                condition=~Q(product="*", currency="*", market="*", book="*"),
                name="refdata_ssi_narrowed",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="refdata_ssi_range",
            ),
            models.CheckConstraint(
                condition=~Q(product="") & ~Q(currency="") & ~Q(market="") & ~Q(book=""),
                name="refdata_ssi_named",
            ),
            models.CheckConstraint(
                condition=Q(kind="CASH", currency="*") | (~Q(kind="CASH") & Q(market="*")),
                name="refdata_ssi_narrowed_by",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} {self.account or self.delivery_address}"


class Holiday(models.Model):
    """A day on which a calendar is closed, beside its weekends. A calendar is a currency, a MIC or `FIRM`."""

    id = models.BigAutoField(primary_key=True)
    calendar = models.TextField()
    date = models.DateField()
    name = models.TextField(blank=True, default="")

    class Meta:
        db_table = "refdata_holiday"
        constraints = [models.UniqueConstraint(fields=["calendar", "date"], name="refdata_holiday_once")]

    def __str__(self) -> str:
        return f"{self.calendar} {self.date}"


class ClosePrice(models.Model):
    """The official close of an instrument on a day; with `low` and `high`, the range it was dealt in."""

    id = models.BigAutoField(primary_key=True)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="closes")
    date = models.DateField()
    price = models.DecimalField(max_digits=28, decimal_places=10)
    currency = models.TextField()
    low = models.DecimalField(max_digits=28, decimal_places=10, null=True, blank=True)
    high = models.DecimalField(max_digits=28, decimal_places=10, null=True, blank=True)

    class Meta:
        db_table = "refdata_close_price"
        constraints = [
            models.UniqueConstraint(fields=["instrument", "date"], name="refdata_close_price_once"),
            models.CheckConstraint(condition=Q(price__gt=0), name="refdata_close_price_positive"),
            models.CheckConstraint(
                condition=Q(low__isnull=True, high__isnull=True)
                | Q(low__isnull=False, high__isnull=False, low__gt=0, low__lte=F("high")),
                name="refdata_close_price_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.date}"


class FxRate(models.Model):
    """How much base currency one unit of a currency was worth on a day."""

    id = models.BigAutoField(primary_key=True)
    currency = models.TextField()
    date = models.DateField()
    rate = models.DecimalField(
        max_digits=28, decimal_places=10, help_text="base currency per unit of the currency"
    )

    class Meta:
        db_table = "refdata_fx_rate"
        verbose_name = "FX rate"
        constraints = [
            models.UniqueConstraint(fields=["currency", "date"], name="refdata_fx_rate_once"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="refdata_fx_rate_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} {self.date}"


class Mandate(models.Model):
    """What a trader may deal in: a product in a book on a market, up to a tenor. `*` stands for every one."""

    id = models.BigAutoField(primary_key=True)
    trader = models.TextField(default="*")
    product = models.TextField(default="*")
    book = models.TextField(default="*")
    market = models.TextField(default="*", help_text="ISO 10383 MIC")
    max_tenor_days = models.IntegerField(
        null=True, blank=True, help_text="calendar days from the trade to its last date; empty: any"
    )
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="last day on which it holds")

    class Meta:
        db_table = "refdata_mandate"
        constraints = [
            models.UniqueConstraint(
                fields=["trader", "product", "book", "market", "valid_from"], name="refdata_mandate_once"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="refdata_mandate_range",
            ),
            models.CheckConstraint(
                condition=Q(max_tenor_days__isnull=True) | Q(max_tenor_days__gte=0),
                name="refdata_mandate_tenor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trader} {self.product} {self.book} {self.market}"


class SettlementCycle(models.Model):
    """How many business days after the trade a product settles on a market, for some trade dates.

    Rows of the same product and market never hold on the same day: an exclusion constraint of the table says so.
    """

    id = models.BigAutoField(primary_key=True)
    product = models.TextField()
    market = models.TextField(
        help_text="a MIC, a currency, a pair such as CAD/USD, or * for every one; the most specific wins"
    )
    days = models.SmallIntegerField(help_text="business days from the trade to its settlement")
    valid_from = models.DateField(help_text="first trade date for which it holds")
    valid_to = models.DateField(null=True, blank=True, help_text="last trade date for which it holds")

    class Meta:
        db_table = "refdata_settlement_cycle"
        constraints = [
            models.UniqueConstraint(
                fields=["product", "market", "valid_from"], name="refdata_settlement_cycle_once"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="refdata_settlement_cycle_range",
            ),
            models.CheckConstraint(
                condition=Q(days__gte=0, days__lte=365), name="refdata_settlement_cycle_days"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.market} T+{self.days}"


class CutOff(models.Model):
    """Until when what is due on a value date leaves by a channel, for a market and a currency.

    Rows of the same place never hold on the same value date: an exclusion constraint of the table says so.
    """

    class Channel(models.TextChoices):
        CASH = "CASH", "payments"
        SECURITIES = "SECURITIES", "securities deliveries"
        GOODS = "GOODS", "goods deliveries"

    id = models.BigAutoField(primary_key=True)
    channel = models.TextField(choices=Channel.choices)
    market = models.TextField(default=ANY, help_text="a MIC of securities, or * for every market")
    currency = models.TextField(
        default=ANY, help_text="of the payment, or in which the security is kept; * for every one"
    )
    zone = models.TextField(help_text="IANA zone of the cut-off")
    time = models.TimeField(help_text="local time")
    lead_days = models.SmallIntegerField(
        default=0, help_text="business days before the value date on which the cut-off falls"
    )
    valid_from = models.DateField(help_text="first value date for which it holds")
    valid_to = models.DateField(null=True, blank=True, help_text="last value date for which it holds")

    class Meta:
        db_table = "refdata_cut_off"
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "market", "currency", "valid_from"], name="refdata_cut_off_once"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="refdata_cut_off_range",
            ),
            models.CheckConstraint(
                condition=Q(lead_days__gte=0, lead_days__lte=30), name="refdata_cut_off_lead"
            ),
            models.CheckConstraint(
                condition=Q(market=ANY) | Q(channel="SECURITIES"), name="refdata_cut_off_market"
            ),
            models.CheckConstraint(
                condition=Q(currency=ANY) | ~Q(channel="GOODS"), name="refdata_cut_off_currency"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.market} {self.currency}"


class WatchEntry(models.Model):
    """A party, instrument or country on a list: restricted (deals are held) or watched (deals are pointed out)."""

    class Subject(models.TextChoices):
        PARTY = "PARTY", "party"
        INSTRUMENT = "INSTRUMENT", "instrument"
        COUNTRY = "COUNTRY", "country"

    class Measure(models.TextChoices):
        RESTRICTED = "RESTRICTED", "restricted"
        WATCHED = "WATCHED", "watched"

    id = models.BigAutoField(primary_key=True)
    list = models.TextField(help_text="whose list: EU-SANCTIONS, RESEARCH-BLACKOUT …")
    subject = models.TextField(choices=Subject.choices)
    key = models.TextField(help_text="code or LEI of a party, code of an instrument, ISO 3166-1 country")
    measure = models.TextField(choices=Measure.choices)
    note = models.TextField(blank=True, default="")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="last day on which it holds")

    class Meta:
        db_table = "refdata_watch_entry"
        verbose_name_plural = "watch entries"
        indexes = [models.Index(fields=["subject", "key"], name="refdata_watch_entry_lookup")]
        constraints = [
            models.UniqueConstraint(
                fields=["list", "subject", "key", "valid_from"], name="refdata_watch_entry_once"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="refdata_watch_entry_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.list} {self.subject} {self.key}"


class Agreement(models.Model):
    """An agreement with a party under which a product may be dealt: an ISDA, a GMRA, terms of business."""

    id = models.BigAutoField(primary_key=True)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="agreements")
    product = models.TextField(default="*", help_text="a product, or * for every one")
    reference = models.TextField(help_text="what the agreement is called: ISDA-2002 …")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="last day on which it holds")

    class Meta:
        db_table = "refdata_agreement"
        indexes = [models.Index(fields=["product"], name="refdata_agreement_product")]
        constraints = [
            models.UniqueConstraint(
                fields=["party", "product", "reference", "valid_from"], name="refdata_agreement_once"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="refdata_agreement_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.product}"


class NettingAgreement(models.Model):
    """What is netted between a party and one of our entities, or all of them, for some value dates.

    What no agreement nets is settled gross. An agreement with an entity goes before one with every entity
    (refdata/netting.py). Rows of the same party and entity never hold on the same value date: an exclusion constraint
    of the table says so.
    """

    class Payments(models.TextChoices):
        NONE = "NONE", "each by itself"
        CURRENCY = "CURRENCY", "by currency"

    class Securities(models.TextChoices):
        NONE = "NONE", "each by itself"
        SECURITY = "SECURITY", "by security and place of settlement"

    class Goods(models.TextChoices):
        NONE = "NONE", "each by itself"
        ITEM = "ITEM", "by item"

    id = models.BigAutoField(primary_key=True)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="netting_agreements")
    entity = models.TextField(default=ANY, help_text="the code of one of our entities, or * for every one")
    reference = models.TextField(blank=True, default="", help_text="what the agreement is called")
    payments = models.TextField(choices=Payments.choices, default=Payments.NONE)
    securities = models.TextField(choices=Securities.choices, default=Securities.NONE)
    goods = models.TextField(choices=Goods.choices, default=Goods.NONE)
    valid_from = models.DateField(help_text="first value date for which it holds")
    valid_to = models.DateField(null=True, blank=True, help_text="last value date for which it holds")

    class Meta:
        db_table = "refdata_netting_agreement"
        constraints = [
            models.UniqueConstraint(fields=["party", "entity", "valid_from"], name="refdata_netting_once"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="refdata_netting_range",
            ),
            models.CheckConstraint(
                condition=Q(
                    payments__in=["NONE", "CURRENCY"],
                    securities__in=["NONE", "SECURITY"],
                    goods__in=["NONE", "ITEM"],
                ),
                name="refdata_netting_words",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reference or 'netting'} {self.entity}"


class FeeRule(models.Model):
    """A rule by which a fee, tax or commission is charged; what it says stands in its versions."""

    id = models.BigAutoField(primary_key=True)
    code = models.TextField(unique=True)

    class Meta:
        db_table = "refdata_fee_rule"

    def __str__(self) -> str:
        return self.code


class FeeRuleVersion(models.Model):
    """What a rule says of trades from a trade date on. Never changed; an approved proposal makes it (trigger).

    In force on a trade date is the newest version whose day has come. `tiers`: rates by the gross amount from which
    each holds, for the whole of it. `is_stated`: the front office states the charge with its deal.
    """

    class Basis(models.TextChoices):
        BPS = "BPS", "basis points of the gross amount"
        PER_UNIT = "PER_UNIT", "an amount for each unit"
        FLAT = "FLAT", "an amount for the deal"

    class Direction(models.TextChoices):
        PAY = "PAY", "we pay it"
        RECEIVE = "RECEIVE", "we receive it"

    id = models.BigAutoField(primary_key=True)
    rule = models.ForeignKey(FeeRule, on_delete=models.PROTECT, related_name="versions")
    version = models.IntegerField()
    valid_from = models.DateField()
    is_active = models.BooleanField()
    title = models.TextField()
    type = models.TextField(help_text="as the front office calls it: COMMISSION, STAMP_DUTY …")
    product = models.TextField(help_text="a product, or * for every one")
    market = models.TextField(help_text="a MIC (ISO 10383), or * for every one")
    party = models.ForeignKey(Party, on_delete=models.PROTECT, null=True, related_name="+")
    currency = models.TextField(help_text="ISO 4217, or * for every one")
    side = models.TextField(help_text="BUY or SELL, seen from us, or * for both")
    basis = models.TextField(choices=Basis.choices)
    rate = models.DecimalField(max_digits=18, decimal_places=8)
    tiers = models.JSONField(null=True)
    minimum = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    maximum = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    is_stated = models.BooleanField()
    direction = models.TextField(choices=Direction.choices)
    proposal_id = models.BigIntegerField(unique=True)
    approved_at = models.DateTimeField()

    class Meta:
        db_table = "refdata_fee_rule_version"
        constraints = [
            models.UniqueConstraint(fields=["rule", "version"], name="refdata_fee_rule_version_once"),
            models.CheckConstraint(condition=Q(version__gte=1), name="refdata_fee_rule_version_from_one"),
            models.CheckConstraint(
                condition=Q(basis__in=["BPS", "PER_UNIT", "FLAT"], direction__in=["PAY", "RECEIVE"]),
                name="refdata_fee_rule_version_words",
            ),
            # An amount is of a currency; a share of the deal is in the deal's.
            models.CheckConstraint(
                condition=~Q(currency="*") | Q(basis="BPS", minimum__isnull=True, maximum__isnull=True),
                name="refdata_fee_rule_version_currency",
            ),
            models.CheckConstraint(
                condition=Q(minimum__isnull=True) | Q(maximum__isnull=True) | Q(minimum__lte=F("maximum")),
                name="refdata_fee_rule_version_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} version {self.version}"


class BillingTerms(models.Model):
    """How those are billed that it is for: entity, party and product are codes, or * for every one."""

    class Services(models.TextChoices):
        DATE = "DATE", "when their period or milestone ends, or when they are delivered before"
        DELIVERY = "DELIVERY", "when they are delivered"

    class Fees(models.TextChoices):
        TRADE = "TRADE", "for each trade"
        MONTH = "MONTH", "each month"

    id = models.BigAutoField(primary_key=True)
    entity = models.TextField(default=ANY, help_text="the code of who bills, or * for every entity")
    party = models.TextField(default=ANY, help_text="the code of who is billed, or * for every party")
    product = models.TextField(default=ANY, help_text="a product, or * for every one")
    days = models.SmallIntegerField(help_text="calendar days from the invoice's date to the due date")
    end_of_month = models.BooleanField(default=False, help_text="due on the last day of that month")
    services = models.TextField(choices=Services.choices, default=Services.DATE)
    fees = models.TextField(choices=Fees.choices, default=Fees.TRADE)
    credit_alone_below = models.DecimalField(
        max_digits=19,
        decimal_places=4,
        default=0,
        help_text="in the invoice's currency: one person credits less than this, two people what is more",
    )

    class Meta:
        db_table = "refdata_billing_terms"
        verbose_name_plural = "billing terms"
        constraints = [
            models.UniqueConstraint(fields=["entity", "party", "product"], name="refdata_billing_terms_once"),
            models.CheckConstraint(
                condition=Q(days__gte=0, days__lte=365), name="refdata_billing_terms_days"
            ),
            models.CheckConstraint(
                condition=Q(services__in=["DATE", "DELIVERY"], fees__in=["TRADE", "MONTH"]),
                name="refdata_billing_terms_words",
            ),
            models.CheckConstraint(
                condition=Q(credit_alone_below__gte=0), name="refdata_billing_terms_credit"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.party} {self.product}"


class PenaltyRate(models.Model):
    """What a failed settlement costs a business day, in basis points: of money by its currency, else of what failed at
    its close price, by its class and liquidity. The row that names most holds; two of one place never hold on the same
    day: an exclusion constraint of the table says so.
    """

    CASH = "CASH"

    id = models.BigAutoField(primary_key=True)
    asset_class = models.TextField(help_text="CASH, or a product class of instruments")
    liquidity = models.TextField(
        default=ANY, help_text="the instrument's liquidity class, or * for every one"
    )
    currency = models.TextField(default=ANY, help_text="of cash, or * for every one")
    basis_points = models.DecimalField(max_digits=10, decimal_places=6, help_text="for each business day")
    source = models.TextField(help_text="where the rate is published")
    valid_from = models.DateField(help_text="first day for which it holds")
    valid_to = models.DateField(null=True, blank=True, help_text="last day for which it holds")

    class Meta:
        db_table = "refdata_penalty_rate"
        constraints = [
            models.UniqueConstraint(
                fields=["asset_class", "liquidity", "currency", "valid_from"],
                name="refdata_penalty_rate_once",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="refdata_penalty_rate_range",
            ),
            models.CheckConstraint(
                condition=Q(asset_class="CASH", liquidity=ANY) | ~Q(asset_class="CASH") & Q(currency=ANY),
                name="refdata_penalty_rate_place",
            ),
            models.CheckConstraint(
                condition=Q(basis_points__gte=0, basis_points__lt=10_000),
                name="refdata_penalty_rate_size",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asset_class} {self.liquidity} {self.currency}"

    @classmethod
    def classes(cls) -> tuple[str, ...]:
        """Return what a rate may be of."""
        return (cls.CASH, *Instrument.ProductClass.values)


class MaximumSize(models.Model):
    """The most that one instruction may be over: of money in a currency, of a security or of goods. The row that names
    the asset holds before the one for all of its kind; two of one place never hold on the same day: an exclusion
    constraint of the table says so.
    """

    class AssetKind(models.TextChoices):
        CASH = "CASH", "cash"
        SECURITY = "SECURITY", "securities"
        GOODS = "GOODS", "goods"

    id = models.BigAutoField(primary_key=True)
    asset_kind = models.TextField(choices=AssetKind.choices)
    asset = models.TextField(default=ANY, help_text="a currency, ISIN or SKU, or * for every one of the kind")
    maximum = models.DecimalField(
        max_digits=28, decimal_places=10, help_text="amount of money, or quantity, of one instruction"
    )
    valid_from = models.DateField(help_text="first value date for which it holds")
    valid_to = models.DateField(null=True, blank=True, help_text="last value date for which it holds")

    class Meta:
        db_table = "refdata_maximum_size"
        constraints = [
            models.UniqueConstraint(
                fields=["asset_kind", "asset", "valid_from"], name="refdata_maximum_size_once"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="refdata_maximum_size_range",
            ),
            models.CheckConstraint(condition=Q(maximum__gt=0), name="refdata_maximum_size_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.asset_kind} {self.asset}"

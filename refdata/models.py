"""Reference data: who deals, in what, for which book, settled where, on which days, at which prices.

Rows are never deleted (a trigger refuses it): trades keep their ids without a foreign key.
"""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import F, Q


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
    netting = models.BooleanField(default=True, help_text="a netting agreement is in force")
    party_group = models.TextField(
        blank=True, default="", help_text="the group it belongs to, by its code; empty: of none"
    )

    class Meta:
        db_table = "refdata_party"
        verbose_name_plural = "parties"

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
        help_text="allowed distance from the close as a fraction; empty: the check's own",
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

    `key` is the currency for cash, the market (MIC) or `*` for securities, `*` for goods.
    """

    class Kind(models.TextChoices):
        CASH = "CASH", "cash"
        SECURITY = "SECURITY", "security"
        GOODS = "GOODS", "goods"

    id = models.BigAutoField(primary_key=True)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="ssis")
    kind = models.TextField(choices=Kind.choices)
    key = models.TextField(default="*")
    account = models.TextField(blank=True, help_text="IBAN or account of cash, safekeeping account")
    agent_bic = models.TextField(blank=True, help_text="BIC of the agent or custodian")
    place_of_settlement = models.TextField(blank=True, help_text="BIC of the securities depository")
    delivery_address = models.TextField(blank=True)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="last day on which it holds")

    class Meta:
        db_table = "refdata_ssi"
        verbose_name = "SSI"
        indexes = [models.Index(fields=["party", "kind", "key"], name="refdata_ssi_lookup")]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="refdata_ssi_range",
            ),
            models.UniqueConstraint(fields=["party", "kind", "key", "valid_from"], name="refdata_ssi_once"),
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
    """The official close of an instrument on a day."""

    id = models.BigAutoField(primary_key=True)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="closes")
    date = models.DateField()
    price = models.DecimalField(max_digits=28, decimal_places=10)
    currency = models.TextField()

    class Meta:
        db_table = "refdata_close_price"
        constraints = [
            models.UniqueConstraint(fields=["instrument", "date"], name="refdata_close_price_once"),
            models.CheckConstraint(condition=Q(price__gt=0), name="refdata_close_price_positive"),
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

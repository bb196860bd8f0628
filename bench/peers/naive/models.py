"""The records, with foreign keys and a status on the trade."""

from django.conf import settings
from django.db import models


class Party(models.Model):
    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    lei = models.CharField(max_length=20, null=True, unique=True)
    role = models.CharField(max_length=20)
    country = models.CharField(max_length=2, blank=True)
    restricted = models.BooleanField(default=False)


class Instrument(models.Model):
    code = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    product_class = models.CharField(max_length=20)
    currency = models.CharField(max_length=3)
    market = models.CharField(max_length=4, blank=True)
    multiplier = models.DecimalField(max_digits=18, decimal_places=6, default=1)
    price_tolerance = models.DecimalField(max_digits=6, decimal_places=4, null=True)
    settlement_cycle = models.SmallIntegerField(null=True)


class Book(models.Model):
    code = models.CharField(max_length=64, unique=True)
    desk = models.CharField(max_length=64)
    entity = models.ForeignKey(Party, on_delete=models.PROTECT)


class Ssi(models.Model):
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="ssis")
    kind = models.CharField(max_length=10)
    key = models.CharField(max_length=10)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)


class Holiday(models.Model):
    calendar = models.CharField(max_length=10)
    date = models.DateField()

    class Meta:
        unique_together = [("calendar", "date")]


class ClosePrice(models.Model):
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT, related_name="closes")
    date = models.DateField()
    price = models.DecimalField(max_digits=28, decimal_places=10)
    currency = models.CharField(max_length=3)

    class Meta:
        unique_together = [("instrument", "date")]


class FxRate(models.Model):
    currency = models.CharField(max_length=3)
    date = models.DateField()
    rate = models.DecimalField(max_digits=28, decimal_places=10)

    class Meta:
        unique_together = [("currency", "date")]


class Limit(models.Model):
    code = models.CharField(max_length=64, unique=True)
    dimension = models.CharField(max_length=20)
    accumulates = models.BooleanField()
    warn = models.DecimalField(max_digits=28, decimal_places=2, null=True)
    hard = models.DecimalField(max_digits=28, decimal_places=2)


class Utilisation(models.Model):
    limit = models.ForeignKey(Limit, on_delete=models.PROTECT)
    key = models.CharField(max_length=64)
    used = models.DecimalField(max_digits=28, decimal_places=4, default=0)

    class Meta:
        unique_together = [("limit", "key")]


class Trade(models.Model):
    class Status(models.TextChoices):
        CAPTURED = "CAPTURED"
        VALIDATED = "VALIDATED"
        EXCEPTION = "EXCEPTION"

    source = models.CharField(max_length=64)
    source_ref = models.CharField(max_length=128)
    product = models.CharField(max_length=20)
    side = models.CharField(max_length=4)
    instrument_ref = models.CharField(max_length=64, blank=True)
    instrument_found = models.ForeignKey(Instrument, on_delete=models.PROTECT, null=True)
    counterparty_ref = models.CharField(max_length=64)
    counterparty_found = models.ForeignKey(Party, on_delete=models.PROTECT, null=True)
    book_ref = models.CharField(max_length=64)
    book_found = models.ForeignKey(Book, on_delete=models.PROTECT, null=True)
    trader = models.CharField(max_length=64, blank=True)
    quantity = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    price = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    currency = models.CharField(max_length=3)
    gross_amount = models.DecimalField(max_digits=28, decimal_places=4)
    net_amount = models.DecimalField(max_digits=28, decimal_places=4)
    contra_currency = models.CharField(max_length=3, blank=True)
    contra_amount = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    base_amount = models.DecimalField(max_digits=28, decimal_places=4, null=True)
    trade_date = models.DateField()
    settlement_date = models.DateField()
    executed_at = models.DateTimeField(null=True)
    fees = models.JSONField(default=list)
    terms = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CAPTURED, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        unique_together = [("source", "source_ref")]
        indexes = [models.Index(fields=["trade_date", "counterparty_ref"])]


class Finding(models.Model):
    trade = models.ForeignKey(Trade, on_delete=models.CASCADE, related_name="findings")
    code = models.CharField(max_length=40)
    severity = models.CharField(max_length=10)
    message = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)


class TradeEvent(models.Model):
    trade = models.ForeignKey(Trade, on_delete=models.CASCADE, related_name="events")
    type = models.CharField(max_length=40)
    actor = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)


class IdempotencyKey(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    response = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        unique_together = [("user", "key")]

"""Daily profit and loss: runs, the lines they come to, and the prices and rates behind each."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from core.models import TransactionId


class ProfitRun(models.Model):
    """What a day came to, as known at a moment. Never changed; a restatement is the next run of its day.

    `seen` is PostgreSQL's snapshot that says which versions of trades were known, `last_trade_id` a number that none of
    them exceeds. `opening`: the run that the day is told against. Intraday runs give way to the next one of their day.
    """

    class Kind(models.TextChoices):
        OPENING = "OPENING", "opening balance"
        INTRADAY = "INTRADAY", "intraday"
        CLOSE = "CLOSE", "end of day"

    id = models.BigAutoField(primary_key=True)
    day = models.DateField()
    number = models.IntegerField(help_text="of its day, from 1 on")
    kind = models.TextField(choices=Kind.choices)
    opening = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    as_at = models.DateTimeField()
    seen = models.TextField(help_text="PostgreSQL's snapshot")
    last_trade_id = models.BigIntegerField()
    base_currency = models.TextField()
    reason = models.TextField(help_text="why the day is told again; empty: it is not")
    actor = models.TextField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "ledger_profit_run"
        constraints = [
            models.UniqueConstraint(fields=["day", "number"], name="ledger_profit_run_number"),
            models.CheckConstraint(
                condition=Q(kind__in=["OPENING", "INTRADAY", "CLOSE"]), name="ledger_profit_run_kind"
            ),
        ]


class ProfitLine(models.Model):
    """What one position, by trader and counterparty, came to in a run, and where it stands at its end.

    `instrument_id`: 0 where there is none, -1 where it is not known; `book_id`: 0 where it is not known. `starts_on`:
    the trade date of what is dealt for a later day (`fees_ahead`: its fees); `accrues_from`: the day from which a
    bond's interest is ours, while it lies ahead. `cash` is what was paid and received since the beginning, with fees.
    The parts are in base currency and add up to `total` to the minor unit; `value` is `quantity` at the close with
    `cash`, in the line's own currency. `is_priced`: whether what is held had a price.
    """

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ProfitRun, on_delete=models.CASCADE, related_name="lines")
    book_id = models.BigIntegerField()
    product = models.TextField()
    instrument_id = models.BigIntegerField()
    currency = models.TextField()
    trader = models.TextField()
    counterparty_id = models.BigIntegerField()
    starts_on = models.DateField(null=True)
    accrues_from = models.DateField(null=True)
    quantity = models.DecimalField(max_digits=38, decimal_places=10)
    cash = models.DecimalField(max_digits=48, decimal_places=20)
    fees_ahead = models.DecimalField(max_digits=28, decimal_places=4)
    value = models.DecimalField(max_digits=48, decimal_places=20)
    opening_value = models.DecimalField(max_digits=48, decimal_places=20)
    base_value = models.DecimalField(max_digits=38, decimal_places=4)
    is_priced = models.BooleanField()
    new_trades = models.DecimalField(max_digits=38, decimal_places=4)
    amendments = models.DecimalField(max_digits=38, decimal_places=4)
    market = models.DecimalField(max_digits=38, decimal_places=4)
    fx = models.DecimalField(max_digits=38, decimal_places=4)
    carry = models.DecimalField(max_digits=38, decimal_places=4)
    fees = models.DecimalField(max_digits=38, decimal_places=4)
    adjustments = models.DecimalField(max_digits=38, decimal_places=4)
    unexplained = models.DecimalField(max_digits=38, decimal_places=4)
    total = models.DecimalField(max_digits=38, decimal_places=4)

    class Meta:
        db_table = "ledger_profit_line"
        indexes = [models.Index(fields=["run", "book_id", "instrument_id"], name="ledger_profit_line_place")]


class ProfitPrice(models.Model):
    """A price or rate that a run used, as it was then, and what is wrong with it.

    A price has its instrument, a rate none (0). `price` is that of one unit of quantity in `currency` (a bond's per
    cent and a contract's multiplier are in it), `quoted` as it was published; `interest` what a unit had earned since
    the bond began. Null where there is none.
    """

    class Flag(models.TextChoices):
        MISSING = "MISSING", "there is none"
        STALE = "STALE", "older than is allowed"
        CURRENCY = "CURRENCY", "in another currency than its instrument"
        INTEREST = "INTEREST", "the bond's coupons are not known"

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ProfitRun, on_delete=models.CASCADE, related_name="prices")
    instrument_id = models.BigIntegerField()
    currency = models.TextField()
    date = models.DateField(null=True)
    quoted = models.DecimalField(max_digits=28, decimal_places=10, null=True)
    price = models.DecimalField(max_digits=48, decimal_places=20, null=True)
    interest = models.DecimalField(max_digits=48, decimal_places=20)
    flag = models.TextField(choices=Flag.choices, help_text="empty: none")

    class Meta:
        db_table = "ledger_profit_price"
        constraints = [
            models.UniqueConstraint(
                fields=["run", "instrument_id", "currency"], name="ledger_profit_price_once"
            )
        ]


class ProfitGain(models.Model):
    """What a position has in open lots at the end of a run, and how much of the run's profit was realised.

    By whoever opened what is open, and closed what is closed. quantity, cost and worth (at the close) are of the open
    lots, realised_to_date of all that were ever closed, in the row's own currency; what is dealt in another currency
    than the instrument's is two rows. realised, unrealised, transferred and difference are of the day, in base
    currency: together what the run's lines say of new trades, amendments, market and what is unexplained.
    transferred: what one trader opened and another closed, nought over a position. difference: what the lots do not
    tell, for a `reason`.
    """

    class Reason(models.TextChoices):
        UNKNOWN = "UNKNOWN", "the instrument is not known"
        RATE = "RATE", "the currency had no rate before"
        UNPRICED = "UNPRICED", "there is or was no price"
        WAITING = "WAITING", "the lots had not followed every trade yet"
        REFUSED = "REFUSED", "a sale was refused, so that no lot has it"
        FEES = "FEES", "the book counts fees into the cost of its lots"
        INTEREST = "INTEREST", "interest that trades brought with them"
        OTHER = "OTHER", "the lots count otherwise"

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ProfitRun, on_delete=models.CASCADE, related_name="gains")
    book_id = models.BigIntegerField()
    product = models.TextField()
    instrument_id = models.BigIntegerField()
    currency = models.TextField()
    trader = models.TextField()
    counterparty_id = models.BigIntegerField()
    quantity = models.DecimalField(max_digits=38, decimal_places=10)
    cost = models.DecimalField(max_digits=38, decimal_places=4)
    worth = models.DecimalField(max_digits=48, decimal_places=20)
    realised_to_date = models.DecimalField(max_digits=38, decimal_places=4)
    realised = models.DecimalField(max_digits=38, decimal_places=4)
    unrealised = models.DecimalField(max_digits=38, decimal_places=4)
    transferred = models.DecimalField(max_digits=38, decimal_places=4)
    difference = models.DecimalField(max_digits=38, decimal_places=4)
    reason = models.TextField(choices=Reason.choices, help_text="of the difference; empty: there is none")

    class Meta:
        db_table = "ledger_profit_gain"
        indexes = [models.Index(fields=["run", "book_id", "instrument_id"], name="ledger_profit_gain_place")]


class ValuationRule(models.Model):
    """How many business days old a price or rate may be: of a class of instruments, `FX`, or `*` for the rest."""

    code = models.TextField(primary_key=True, help_text="a product class, FX, or * for every other")
    days = models.SmallIntegerField(help_text="business days before the day that is told")

    class Meta:
        db_table = "ledger_valuation_rule"
        constraints = [
            models.CheckConstraint(condition=Q(days__gte=0, days__lte=250), name="ledger_valuation_rule_days")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.days}"


class ProfitAdjustment(models.Model):
    """An amount that two people added to a book's profit from a day on, until the day on which it reverses itself."""

    id = models.BigAutoField(primary_key=True)
    book_id = models.BigIntegerField()
    instrument_id = models.BigIntegerField()
    currency = models.TextField()
    amount = models.DecimalField(max_digits=28, decimal_places=4)
    valid_from = models.DateField()
    reverses_on = models.DateField()
    reason = models.TextField()
    proposal_id = models.BigIntegerField(unique=True)
    approved_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=TransactionId(), editable=False)

    class Meta:
        db_table = "ledger_profit_adjustment"
        constraints = [
            models.CheckConstraint(
                condition=Q(reverses_on__gt=models.F("valid_from")), name="ledger_profit_adjustment_range"
            )
        ]


class FlagAcceptance(models.Model):
    """A flagged price or rate of a run that a person accepts, and why."""

    price = models.OneToOneField(ProfitPrice, on_delete=models.PROTECT, primary_key=True)
    reason = models.TextField()
    actor = models.TextField()
    accepted_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_profit_flag_acceptance"


class ProfitSignOff(models.Model):
    """That two people have signed off what a run says of a book. Never replaced: a later run is signed beside it."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ProfitRun, on_delete=models.PROTECT, related_name="sign_offs")
    book_id = models.BigIntegerField()
    proposal_id = models.BigIntegerField(unique=True)
    signed_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_profit_sign_off"
        constraints = [models.UniqueConstraint(fields=["run", "book_id"], name="ledger_profit_sign_off_once")]

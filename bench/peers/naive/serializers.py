"""A trade in and out."""

from decimal import Decimal

from django.db.models import Q
from rest_framework import serializers

from bench.peers.naive.calendar import add_business_days
from bench.peers.naive.models import Book, FxRate, Instrument, Party, Trade, TradeEvent

BASE_CURRENCY = "EUR"
NUMBER = {"max_digits": 28, "decimal_places": 10}


class FeeSerializer(serializers.Serializer):
    type = serializers.CharField(max_length=64)
    amount = serializers.DecimalField(**NUMBER)
    currency = serializers.RegexField("^[A-Z]{3}$")


class MoneySerializer(serializers.Serializer):
    currency = serializers.RegexField("^[A-Z]{3}$")
    amount = serializers.DecimalField(**NUMBER)


class LineSerializer(serializers.Serializer):
    sku = serializers.CharField(max_length=64)
    description = serializers.CharField(max_length=256, required=False, default="")
    quantity = serializers.DecimalField(**NUMBER)
    unit_price = serializers.DecimalField(**NUMBER)


class ExchangeTermsSerializer(serializers.Serializer):
    bought = MoneySerializer()
    sold = MoneySerializer()
    rate = serializers.DecimalField(**NUMBER)
    rate_basis = serializers.ChoiceField(["SOLD_PER_BOUGHT", "BOUGHT_PER_SOLD"], default="SOLD_PER_BOUGHT")


class OrderTermsSerializer(serializers.Serializer):
    lines = LineSerializer(many=True, allow_empty=False)


class TradeSerializer(serializers.ModelSerializer):
    instrument = serializers.CharField(source="instrument_ref", max_length=64, required=False)
    counterparty = serializers.CharField(source="counterparty_ref", max_length=64)
    book = serializers.CharField(source="book_ref", max_length=64)
    product = serializers.ChoiceField(["EQUITY", "FX_SPOT", "FX_FORWARD", "GOODS"])
    side = serializers.ChoiceField(["BUY", "SELL"], default="BUY")
    currency = serializers.RegexField("^[A-Z]{3}$", required=False)
    settlement_date = serializers.DateField(required=False)
    fees = FeeSerializer(many=True, required=False)
    terms = serializers.JSONField(required=False)

    class Meta:
        model = Trade
        fields = [
            "id", "source", "source_ref", "product", "side", "instrument", "counterparty", "book", "trader",
            "quantity", "price", "currency", "gross_amount", "net_amount", "contra_currency", "contra_amount",
            "trade_date", "settlement_date", "executed_at", "fees", "terms", "status", "created_at",
        ]  # fmt: skip
        read_only_fields = ["status", "created_at", "contra_currency", "contra_amount"]
        extra_kwargs = {"gross_amount": {"required": False}, "net_amount": {"required": False}}

    def validate(self, data):
        """Demand what the product needs and derive its amounts."""
        product = data["product"]
        if product == "EQUITY":
            for name in ("instrument_ref", "quantity", "price", "currency"):
                if data.get(name) is None:
                    raise serializers.ValidationError({name: "This field is required."})
            gross = round(data["quantity"] * data["price"], 2)
        elif product == "GOODS":
            terms = self._terms(OrderTermsSerializer, data)
            data["quantity"] = sum(line["quantity"] for line in terms["lines"])
            gross = sum(round(line["quantity"] * line["unit_price"], 2) for line in terms["lines"])
        else:
            terms = self._terms(ExchangeTermsSerializer, data)
            data["currency"], gross = terms["bought"]["currency"], terms["bought"]["amount"]
            data["quantity"], data["price"] = gross, terms["rate"]
            data["contra_currency"], data["contra_amount"] = (
                terms["sold"]["currency"],
                terms["sold"]["amount"],
            )
        data.setdefault("gross_amount", gross)
        fees = sum(fee["amount"] for fee in data.get("fees", []) if fee["currency"] == data["currency"])
        sign = -1 if data["side"] == "SELL" and product != "GOODS" else 1
        data.setdefault("net_amount", data["gross_amount"] + sign * fees)
        return data

    def _terms(self, kind, data):
        nested = kind(data=data.get("terms"))
        nested.is_valid(raise_exception=True)
        data["terms"] = nested.data
        return nested.validated_data

    def create(self, data):
        """Resolve the references, measure in base currency, store the trade and its event."""
        party, book = data["counterparty_ref"], data["book_ref"]
        instrument = Instrument.objects.filter(code=data.get("instrument_ref", "")).first()
        if "settlement_date" not in data:
            calendars = ["FIRM", data["currency"], data.get("contra_currency", "")]
            calendars += [instrument.market] if instrument else []
            data["settlement_date"] = add_business_days(data["trade_date"], 2, calendars)
        data["fees"] = [{**fee, "amount": str(fee["amount"])} for fee in data.get("fees", [])]
        trade = Trade(
            **data,
            instrument_found=instrument,
            counterparty_found=Party.objects.filter(Q(code=party) | Q(lei=party)).first(),
            book_found=Book.objects.filter(code=book).first(),
            base_amount=self._base_amount(data),
        )
        trade.save()
        TradeEvent.objects.create(
            trade=trade, type="trade.captured", actor=self.context["request"].user.username
        )
        return trade

    def _base_amount(self, data):
        if data["currency"] == BASE_CURRENCY:
            return abs(data["gross_amount"])
        rate = FxRate.objects.filter(currency=data["currency"]).order_by("-date").first()
        return None if rate is None else round(abs(data["gross_amount"]) * Decimal(rate.rate), 4)

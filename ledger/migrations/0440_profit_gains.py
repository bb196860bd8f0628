"""What of each day's profit was realised, and from where on lots have been told again."""

import django.db.models.deletion
from django.db import migrations, models

_GUARD = """
CREATE TRIGGER kept AFTER DELETE ON ledger_profit_gain REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_profit_guard();
CREATE TRIGGER kept_as_it_is AFTER UPDATE ON ledger_profit_gain REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_profit_guard();
SELECT core_never_truncated('ledger_profit_gain');
INSERT INTO ledger_lots_told (book_id, instrument_id, day, xid)
SELECT DISTINCT book_id, instrument_id, '1970-01-01'::date, pg_current_xact_id()::text::bigint
FROM ledger_lot_movement;
"""
_UNDO = """
DROP TRIGGER never_truncated ON ledger_profit_gain; DROP TRIGGER kept_as_it_is ON ledger_profit_gain;
DROP TRIGGER kept ON ledger_profit_gain;
"""
_AMOUNT = {"decimal_places": 4, "max_digits": 38}
_REASONS = [
    ("UNKNOWN", "the instrument is not known"),
    ("RATE", "the currency had no rate before"),
    ("UNPRICED", "there is or was no price"),
    ("WAITING", "the lots had not followed every trade yet"),
    ("REFUSED", "a sale was refused, so that no lot has it"),
    ("FEES", "the book counts fees into the cost of its lots"),
    ("INTEREST", "interest that trades brought with them"),
    ("OTHER", "the lots count otherwise"),
]


class Migration(migrations.Migration):

    dependencies = [
        ("ledger", "0433_postings_looked_up_by_entry"),
    ]

    operations = [
        migrations.CreateModel(
            name="LotsTold",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "book_id", "instrument_id", "day",
                        blank=True, editable=False, primary_key=True, serialize=False,
                    ),
                ),
                ("book_id", models.BigIntegerField()),
                ("instrument_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("xid", models.BigIntegerField()),
            ],
            options={
                "db_table": "ledger_lots_told",
                "indexes": [models.Index(fields=["xid"], name="ledger_lots_told_xid")],
            },
        ),
        migrations.CreateModel(
            name="ProfitGain",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("book_id", models.BigIntegerField()),
                ("product", models.TextField()),
                ("instrument_id", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("trader", models.TextField()),
                ("counterparty_id", models.BigIntegerField()),
                ("quantity", models.DecimalField(decimal_places=10, max_digits=38)),
                ("cost", models.DecimalField(**_AMOUNT)),
                ("worth", models.DecimalField(decimal_places=20, max_digits=48)),
                ("realised_to_date", models.DecimalField(**_AMOUNT)),
                ("realised", models.DecimalField(**_AMOUNT)),
                ("unrealised", models.DecimalField(**_AMOUNT)),
                ("transferred", models.DecimalField(**_AMOUNT)),
                ("difference", models.DecimalField(**_AMOUNT)),
                ("reason", models.TextField(choices=_REASONS, help_text="of the difference; empty: there is none")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="gains", to="ledger.profitrun"
                    ),
                ),
            ],
            options={
                "db_table": "ledger_profit_gain",
                "indexes": [
                    models.Index(fields=["run", "book_id", "instrument_id"], name="ledger_profit_gain_place")
                ],
            },
        ),
        migrations.RunSQL(_GUARD, _UNDO),
    ]

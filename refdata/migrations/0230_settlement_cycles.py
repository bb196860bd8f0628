"""Settlement cycles, found with everything else that a trade refers to, and the date that one comes to."""

from importlib import import_module

from django.db import migrations, models

BEFORE = import_module("refdata.migrations.0011_resolve_with_terms")
# Texts cannot be excluded without an extension; ranges of one number can, and a hash of 64 bits tells keys apart.
# Deferred: a load may end one row and begin the next in any order.
NO_OVERLAP = """
ALTER TABLE refdata_settlement_cycle ADD CONSTRAINT refdata_settlement_cycle_overlap EXCLUDE USING gist (
    numrange(hashtextextended(product || ' ' || market, 0), hashtextextended(product || ' ' || market, 0), '[]') WITH =,
    daterange(valid_from, valid_to, '[]') WITH &&
) DEFERRABLE INITIALLY DEFERRED;
SELECT core_never_deleted('refdata_settlement_cycle');
CREATE TRIGGER refdata_settlement_cycle_stamp BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON refdata_settlement_cycle
FOR EACH STATEMENT EXECUTE FUNCTION refdata_move_stamp();
"""
_LAST = "        WHERE h.calendar = ANY((SELECT calendars)::text[]) AND h.date BETWEEN first AND last;\n"
_CYCLES = """        RETURN QUERY
        SELECT 6, c.product, c.id, c.market, c.valid_to::text, NULL, NULL, NULL,
               NULL::boolean, NULL::boolean, NULL::numeric, c.days::bigint, c.valid_from, NULL::text
        FROM refdata_settlement_cycle c;
"""
RESOLVE = BEFORE.RESOLVE.replace(_LAST, _LAST + _CYCLES)

# The twin of refdata.calendars.settles_on: refdata_open tells business days, refdata_settles counts them.
SETTLES = """
CREATE FUNCTION refdata_open(day date, calendars text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT extract(isodow FROM day) < 6
        AND NOT EXISTS (SELECT FROM refdata_holiday h WHERE h.date = day AND h.calendar = ANY(calendars))
$$;
CREATE FUNCTION refdata_settles(trade_date date, days integer, counted text[], last text[]) RETURNS date
LANGUAGE plpgsql STABLE AS $$
DECLARE
    day date := trade_date;
    left_over integer := days - 1;
BEGIN
    WHILE left_over > 0 LOOP
        day := day + 1;
        IF refdata_open(day, counted) THEN left_over := left_over - 1; END IF;
    END LOOP;
    IF days > 0 THEN day := day + 1; END IF;
    WHILE NOT refdata_open(day, last) LOOP day := day + 1; END LOOP;
    RETURN day;
END $$;
CREATE FUNCTION refdata_cycle(of_product text, markets text[], on_day date) RETURNS integer
LANGUAGE sql STABLE AS $$
    SELECT c.days FROM refdata_settlement_cycle c
    WHERE c.product = of_product AND c.market = ANY(markets || '*'::text)
      AND on_day >= c.valid_from AND (c.valid_to IS NULL OR on_day <= c.valid_to)
    ORDER BY array_position(markets || '*'::text, c.market) LIMIT 1
$$;
"""
UNDO_SETTLES = """
DROP FUNCTION refdata_cycle(text, text[], date);
DROP FUNCTION refdata_settles(date, integer, text[], text[]);
DROP FUNCTION refdata_open(date, text[]);
"""


class Migration(migrations.Migration):
    dependencies = [("refdata", "0160_issuers")]
    operations = [
        migrations.CreateModel(
            name="SettlementCycle",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("product", models.TextField()),
                (
                    "market",
                    models.TextField(
                        help_text="a MIC, a currency, a pair such as CAD/USD, or * for every one;"
                        " the most specific wins"
                    ),
                ),
                (
                    "days",
                    models.SmallIntegerField(help_text="business days from the trade to its settlement"),
                ),
                ("valid_from", models.DateField(help_text="first trade date for which it holds")),
                (
                    "valid_to",
                    models.DateField(blank=True, help_text="last trade date for which it holds", null=True),
                ),
            ],
            options={
                "db_table": "refdata_settlement_cycle",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["product", "market", "valid_from"], name="refdata_settlement_cycle_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(valid_to__isnull=True)
                        | models.Q(valid_to__gte=models.F("valid_from")),
                        name="refdata_settlement_cycle_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(days__gte=0, days__lte=365), name="refdata_settlement_cycle_days"
                    ),
                ],
            },
        ),
        migrations.RunSQL(NO_OVERLAP, migrations.RunSQL.noop),  # gone with the table
        migrations.RunSQL(SETTLES, UNDO_SETTLES),
        migrations.RunSQL(RESOLVE, BEFORE.RESOLVE),
    ]

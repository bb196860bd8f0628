"""The look-up of the intake path: every reference of a batch of trades in one statement."""

from django.db import migrations

# PL/pgSQL keeps the plan, which costs three times what the look-up itself does. The arrays go through
# scalar subqueries so that the planner expects the same of any of them and settles on one plan for all.
RESOLVE = """
CREATE FUNCTION refdata_resolve(
    parties text[], instruments text[], books text[], currencies text[], day date, oldest date
)
RETURNS TABLE (
    kind integer, ref text, id bigint, code text, text1 text, text2 text, text3 text, text4 text,
    flag1 boolean, flag2 boolean, number1 numeric, number2 bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT 1, p.lei, p.id, p.code, p.country, p.role, NULL, NULL,
           p.netting, p.restricted, NULL::numeric, NULL::bigint
    FROM refdata_party p
    WHERE p.code = ANY((SELECT parties)::text[]) OR p.lei = ANY((SELECT parties)::text[])
    UNION ALL
    SELECT 2, i.code, i.id, i.code, i.currency, i.product_class, i.price_basis, i.market,
           NULL, NULL, i.multiplier, i.settlement_cycle
    FROM refdata_instrument i
    WHERE i.code = ANY((SELECT instruments)::text[])
    UNION ALL
    SELECT 2, x.value, i.id, i.code, i.currency, i.product_class, i.price_basis, i.market,
           NULL, NULL, i.multiplier, i.settlement_cycle
    FROM refdata_instrument_identifier x JOIN refdata_instrument i ON i.id = x.instrument_id
    WHERE x.value = ANY((SELECT instruments)::text[])
    UNION ALL
    SELECT 3, b.code, b.id, b.code, b.desk, NULL, NULL, NULL, NULL, NULL, NULL, b.entity_id
    FROM refdata_book b
    WHERE b.code = ANY((SELECT books)::text[])
    UNION ALL
    SELECT 4, c.code, NULL, c.code, NULL, NULL, NULL, NULL, NULL, NULL, (
        SELECT f.rate FROM refdata_fx_rate f
        WHERE f.currency = c.code AND f.date <= day AND f.date >= oldest
        ORDER BY f.date DESC LIMIT 1
    ), NULL
    FROM unnest((SELECT currencies)::text[]) AS c(code);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("refdata", "0002_rules")]
    operations = [
        migrations.RunSQL(
            RESOLVE, "DROP FUNCTION refdata_resolve(text[], text[], text[], text[], date, date)"
        )
    ]

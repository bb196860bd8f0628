"""What a bond or a listed derivative is comes with the instrument, as one JSON text."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("refdata.migrations.0005_resolve_in_one_call")
TERMS = """
CREATE FUNCTION refdata_terms(i refdata_instrument) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN i.product_class = 'BOND' AND i.maturity IS NOT NULL
         AND (i.coupon_rate = 0 OR i.coupon_frequency IS NOT NULL) THEN json_build_object(
            'coupon_rate', i.coupon_rate::text, 'coupon_frequency', i.coupon_frequency, 'day_count', i.day_count,
            'end_of_month', i.end_of_month, 'dated_date', i.dated_date, 'maturity', i.maturity)::text
        WHEN i.product_class = 'LISTED_DERIVATIVE' AND i.expiry IS NOT NULL THEN json_build_object(
            'expiry', i.expiry, 'option_type', i.option_type, 'strike', trim_scale(i.strike)::text,
            'underlying', i.underlying)::text
    END
$$;
"""
RESOLVE = """
DROP FUNCTION refdata_resolve(text[], text[], text[], text[], date, date, text[], date, date);
CREATE FUNCTION refdata_resolve(
    parties text[], instruments text[], books text[], currencies text[], day date, oldest date,
    calendars text[], first date, last date
)
RETURNS TABLE (
    kind integer, ref text, id bigint, code text, text1 text, text2 text, text3 text, text4 text,
    flag1 boolean, flag2 boolean, number1 numeric, number2 bigint, date1 date, terms text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT 1, p.lei, p.id, p.code, p.country, p.role, NULL, NULL,
           p.netting, p.restricted, NULL::numeric, NULL::bigint, NULL::date, NULL::text
    FROM refdata_party p
    WHERE p.code = ANY((SELECT parties)::text[]) OR p.lei = ANY((SELECT parties)::text[])
    UNION ALL
    SELECT 3, b.code, b.id, b.code, b.desk, NULL, NULL, NULL, NULL, NULL, NULL, b.entity_id, NULL, NULL
    FROM refdata_book b
    WHERE b.code = ANY((SELECT books)::text[])
    UNION ALL
    SELECT 4, c.code, NULL, c.code, NULL, NULL, NULL, NULL, NULL, NULL, (
        SELECT f.rate FROM refdata_fx_rate f
        WHERE f.currency = c.code AND f.date <= day AND f.date >= oldest
        ORDER BY f.date DESC LIMIT 1
    ), NULL, NULL, NULL
    FROM unnest((SELECT currencies)::text[]) AS c(code);
    IF instruments <> '{}' THEN
        RETURN QUERY
        SELECT 2, i.code, i.id, i.code, i.currency, i.product_class, i.price_basis, i.market,
               NULL::boolean, NULL::boolean, i.multiplier, i.settlement_cycle::bigint, NULL::date, refdata_terms(i)
        FROM refdata_instrument i
        WHERE i.code = ANY((SELECT instruments)::text[])
        UNION ALL
        SELECT 2, x.value, i.id, i.code, i.currency, i.product_class, i.price_basis, i.market,
               NULL, NULL, i.multiplier, i.settlement_cycle, NULL, refdata_terms(i)
        FROM refdata_instrument_identifier x JOIN refdata_instrument i ON i.id = x.instrument_id
        WHERE x.value = ANY((SELECT instruments)::text[]);
        IF first IS NOT NULL THEN
            calendars := calendars || ARRAY(
                SELECT i.market FROM refdata_instrument i WHERE i.code = ANY((SELECT instruments)::text[])
                UNION
                SELECT i.market
                FROM refdata_instrument_identifier x JOIN refdata_instrument i ON i.id = x.instrument_id
                WHERE x.value = ANY((SELECT instruments)::text[])
            );
        END IF;
    END IF;
    IF first IS NOT NULL THEN
        RETURN QUERY
        SELECT 5, h.calendar, NULL::bigint, h.calendar, NULL, NULL, NULL, NULL,
               NULL::boolean, NULL::boolean, NULL::numeric, NULL::bigint, h.date, NULL::text
        FROM refdata_holiday h
        WHERE h.calendar = ANY((SELECT calendars)::text[]) AND h.date BETWEEN first AND last;
    END IF;
END $$;
"""
UNDO = (
    "DROP FUNCTION refdata_resolve(text[], text[], text[], text[], date, date, text[], date, date);\n"
    + BEFORE.RESOLVE.partition("DROP FUNCTION")[0]
    + "DROP FUNCTION refdata_terms(refdata_instrument);"
)


class Migration(migrations.Migration):
    dependencies = [("refdata", "0010_terms_of_instruments")]
    operations = [migrations.RunSQL(TERMS + RESOLVE, UNDO)]

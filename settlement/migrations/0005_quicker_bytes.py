"""Bytes are made quicker: digits without searching a text, and no running sum over the pages."""

from django.db import migrations

_DIGITS = "'0123456789ABCDEFGHJKMNPQRSTVWXYZ'::bytea"


def _digits(*shifts: int) -> str:
    return " || ".join(f"chr(get_byte({_DIGITS}, ((number >> {shift}) & 31)::int))" for shift in shifts)


# Not STRICT, because PostgreSQL does not put a strict function with a CASE in line. Most numbers are short.
FUNCTION = f"""
CREATE OR REPLACE FUNCTION settlement_public_id(prefix text, number bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT prefix || '_' || ltrim(
        CASE WHEN number < 1 << 30 THEN '' ELSE {_digits(60, 55, 50, 45, 40, 35, 30)} END
        || {_digits(25, 20, 15, 10, 5, 0)}, '0')
        || chr(get_byte({_DIGITS}, (number % 29)::int))
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0004_obligation_key")]
    operations = [
        migrations.RunSQL(FUNCTION, migrations.RunSQL.noop),
        migrations.RemoveField("batchpage", "first_byte"),
    ]

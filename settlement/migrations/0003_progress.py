"""Where a page's bytes begin, how far a batch is, which legs wait, and public ids inside SQL."""

from django.db import migrations, models

RULES = """
SELECT core_never_deleted('settlement_batch_state');
SELECT core_never_deleted('settlement_batch_claim');

-- The public id of core/ids.py, for bytes that are made inside PostgreSQL.
CREATE FUNCTION settlement_public_id(prefix text, number bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT prefix || '_' || ltrim(
        substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (number >> 60)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 55) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 50) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 45) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 40) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 35) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 30) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 25) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 20) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 15) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 10) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((number >> 5) & 31)::int + 1, 1)
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (number & 31)::int + 1, 1), '0')
        || substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (number % 29)::int + 1, 1)
$$;
"""
UNDO = """
DROP FUNCTION settlement_public_id(text, bigint);
DROP TRIGGER never_deleted ON settlement_batch_claim;
DROP TRIGGER never_deleted ON settlement_batch_state;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0002_rules")]
    operations = [
        migrations.CreateModel(
            name="BatchState",
            fields=[
                ("batch_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("instruction_count", models.IntegerField()),
                ("accepted", models.IntegerField(default=0)),
                ("rejected", models.IntegerField(default=0)),
                ("settled", models.IntegerField(default=0)),
                ("claimed_at", models.DateTimeField(help_text="when it was first claimed", null=True)),
            ],
            options={"db_table": "settlement_batch_state"},
        ),
        migrations.AddField(
            model_name="batchpage",
            name="first_byte",
            field=models.BigIntegerField(default=0, help_text="offset of the page in the batch's bytes"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="batchpage",
            name="byte_count",
            field=models.IntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddIndex(
            model_name="obligation",
            index=models.Index(
                condition=models.Q(instruction_id__isnull=True),
                fields=["value_date"],
                name="settlement_obligation_waiting",
            ),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]

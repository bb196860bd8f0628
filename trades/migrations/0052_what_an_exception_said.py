"""What an open exception said before it was told anew is kept, so that it can be read as of a moment."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

import core.models

# Only what is overwritten is kept: opening an item, which is common, costs nothing more.
RULES = """
SELECT core_append_only('trades_exception_before');

CREATE FUNCTION trades_keep_what_was_said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO trades_exception_before (exception_id, until, codes, summary, amount_at_risk, deadline)
    VALUES (OLD.id, NEW.told_at, OLD.codes, OLD.summary, OLD.amount_at_risk, OLD.deadline);
    RETURN NULL;
END $$;
CREATE TRIGGER keep_what_was_said AFTER UPDATE OF codes, summary, amount_at_risk, deadline ON trades_exception
    FOR EACH ROW WHEN ((OLD.codes, OLD.summary, OLD.amount_at_risk, OLD.deadline)
                       IS DISTINCT FROM (NEW.codes, NEW.summary, NEW.amount_at_risk, NEW.deadline))
    EXECUTE FUNCTION trades_keep_what_was_said();
"""
UNDO = """
DROP TRIGGER keep_what_was_said ON trades_exception;
DROP FUNCTION trades_keep_what_was_said();
DROP TRIGGER append_only ON trades_exception_before;
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0051_who_wrote_it")]
    operations = [
        migrations.CreateModel(
            name="ExceptionBefore",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("exception_id", models.BigIntegerField()),
                ("until", models.DateTimeField()),
                ("xid", models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
                ("codes", ArrayField(models.TextField())),
                ("summary", models.TextField()),
                ("amount_at_risk", models.DecimalField(max_digits=28, decimal_places=4, null=True)),
                ("deadline", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "trades_exception_before",
                "indexes": [models.Index(fields=["exception_id", "id"], name="trades_exception_before_item")],
            },
        ),
        migrations.AddField(
            model_name="exceptionitem",
            name="told_at",
            field=models.DateTimeField(help_text="when it was told anew", null=True, editable=False),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]

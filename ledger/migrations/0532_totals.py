"""What each account has booked by day and by month, kept by trigger; and since when an account is called as it is."""

import core.models
from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models

_SUMS = """
    SELECT j.entity_id, j.currency, a.account, s.span,
           CASE s.span WHEN 'D' THEN j.posting_date ELSE date_trunc('month', j.posting_date)::date END,
           sum(a.debit), sum(a.credit), count(*)
    FROM {postings} a
    CROSS JOIN LATERAL (
        SELECT j.entity_id, j.currency, j.posting_date FROM ledger_journal j WHERE j.id = a.entry_id {by_key}
    ) j
    CROSS JOIN (VALUES ('D'), ('M')) AS s(span)
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
_COLUMNS = "entity_id, currency, account, span, starts_on, debit, credit, postings"
# One posts at a time, and the rows of a statement come in one order: nobody waits for another in a ring. OFFSET 0 makes
# it a look-up by key, whatever PostgreSQL thinks of the size of either table.
RULES = f"""
CREATE FUNCTION ledger_add_to_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_account_total AS t ({_COLUMNS})
    {_SUMS.format(postings="added", by_key="OFFSET 0")}
    ON CONFLICT (entity_id, currency, account, span, starts_on) DO UPDATE
    SET debit = t.debit + EXCLUDED.debit, credit = t.credit + EXCLUDED.credit,
        postings = t.postings + EXCLUDED.postings;
    RETURN NULL;
END $$;
CREATE TRIGGER totals AFTER INSERT ON ledger_posting REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_add_to_totals();
SELECT core_never_deleted('ledger_account_total');
INSERT INTO ledger_account_total ({_COLUMNS}) {_SUMS.format(postings="ledger_posting", by_key="")};
"""
UNDO = """
DROP TRIGGER never_deleted ON ledger_account_total;
DROP TRIGGER never_truncated ON ledger_account_total;
DROP TRIGGER totals ON ledger_posting;
DROP FUNCTION ledger_add_to_totals();
"""
_FROZEN = 3  # PostgreSQL's first number of a transaction: what stands already was known from its approval on


class Migration(migrations.Migration):
    dependencies = [("ledger", "0531_valuations")]
    operations = [
        migrations.CreateModel(
            name="AccountTotal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "entity_id",
                        "currency",
                        "account",
                        "span",
                        "starts_on",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("entity_id", models.BigIntegerField()),
                ("currency", models.TextField()),
                ("account", models.TextField()),
                ("span", models.TextField(choices=[("D", "day"), ("M", "month")])),
                ("starts_on", models.DateField()),
                ("debit", models.DecimalField(decimal_places=10, max_digits=48)),
                ("credit", models.DecimalField(decimal_places=10, max_digits=48)),
                ("postings", models.BigIntegerField()),
            ],
            options={"db_table": "ledger_account_total"},
        ),
        migrations.RunSQL(RULES, UNDO),
        migrations.AddIndex(
            model_name="journalentry",
            index=BrinIndex(fields=["recorded_at"], name="ledger_journal_recorded", pages_per_range=32),
        ),
        migrations.AddField(
            model_name="accountname",
            name="xid",
            field=models.BigIntegerField(default=_FROZEN, editable=False),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="accountname",
            name="xid",
            field=models.BigIntegerField(db_default=core.models.TransactionId(), editable=False),
        ),
    ]

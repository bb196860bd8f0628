"""Whether lines are for an entry of their own transaction is looked up by its key, however large the journal is."""

from django.db import migrations

_LOOK = """
CREATE OR REPLACE FUNCTION ledger_check_postings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    SELECT format('entry %s has debits of %s and credits of %s', entry_id, sum(debit), sum(credit)) INTO wrong
    FROM added GROUP BY entry_id HAVING sum(debit) <> sum(credit) ORDER BY entry_id LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the journal does not balance: %', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT format('entry %s is not of this transaction', entry_id) INTO wrong
    FROM (SELECT DISTINCT entry_id FROM added) a {own} LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'no line is added to an entry that stands: %', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""
# OFFSET 0 makes it a look-up by key, whatever PostgreSQL thinks of the size of either table.
BY_KEY = _LOOK.replace(
    "{own}",
    """LEFT JOIN LATERAL (SELECT j.xid FROM ledger_journal j WHERE j.id = a.entry_id OFFSET 0) o ON true
    WHERE o.xid IS DISTINCT FROM pg_current_xact_id()::text::bigint""",
)
BEFORE = _LOOK.replace(
    "{own}",
    """WHERE NOT EXISTS (
        SELECT FROM ledger_journal j WHERE j.id = a.entry_id
          AND j.xid = pg_current_xact_id()::text::bigint)""",
)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0432_journal_accounts")]
    operations = [migrations.RunSQL(BY_KEY, BEFORE)]

"""The rules of the journal: it is appended to alone, balances, and closed books stay as they are.

The ledger and settlement do not import each other; the database, which has both, lets none of the charges be missed."""

from django.db import migrations

# Looked at for each statement, not for each row: an entry is written with all its lines at once.
RULES = """
CREATE FUNCTION ledger_check_postings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    SELECT format('entry %s has debits of %s and credits of %s', entry_id, sum(debit), sum(credit)) INTO wrong
    FROM added GROUP BY entry_id HAVING sum(debit) <> sum(credit) ORDER BY entry_id LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the journal does not balance: %', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT format('entry %s is not of this transaction', entry_id) INTO wrong
    FROM (SELECT DISTINCT entry_id FROM added) a WHERE NOT EXISTS (
        SELECT FROM ledger_journal j WHERE j.id = a.entry_id
          AND j.xid = pg_current_xact_id()::text::bigint) LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'no line is added to an entry that stands: %', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    PERFORM FROM ledger_journal_mark FOR SHARE;  -- no period closes meanwhile
    SELECT format('%s of entity %s', a.posting_date, a.entity_id) INTO wrong FROM added a
    WHERE a.posting_date <= (SELECT max(c.closed_through) FROM ledger_period_closing c WHERE c.entity_id = a.entity_id)
    LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the books are closed: %', wrong USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;

-- Books once closed are not opened again.
CREATE FUNCTION ledger_check_closing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_journal_mark (one) VALUES (true) ON CONFLICT (one) DO NOTHING;
    PERFORM FROM ledger_journal_mark FOR UPDATE;  -- nothing is posted meanwhile
    IF EXISTS (SELECT FROM ledger_period_closing c
               WHERE c.entity_id = NEW.entity_id AND c.closed_through >= NEW.closed_through) THEN
        RAISE EXCEPTION 'the books of entity % are closed beyond % already', NEW.entity_id, NEW.closed_through
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION ledger_entries_make_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_journal_due (source, source_id)
    SELECT DISTINCT CASE WHEN trade_id IS NULL THEN 'A' ELSE 'T' END, coalesce(trade_id, action_id) FROM changed;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_movements_make_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_journal_due (source, source_id) SELECT DISTINCT rank, source_id FROM changed;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_charges_make_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_journal_due (source, source_id) SELECT DISTINCT 'T', trade_id FROM changed;
    RETURN NULL;
END $$;

CREATE TRIGGER balances AFTER INSERT ON ledger_posting REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_postings();
CREATE TRIGGER open_books AFTER INSERT ON ledger_journal REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_entries();
CREATE TRIGGER goes_on BEFORE INSERT ON ledger_period_closing
    FOR EACH ROW EXECUTE FUNCTION ledger_check_closing();
CREATE TRIGGER journal_due AFTER INSERT ON ledger_position_entry REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entries_make_due();
CREATE TRIGGER journal_due AFTER INSERT ON ledger_lot_movement REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_movements_make_due();
CREATE TRIGGER journal_due AFTER INSERT ON settlement_fee_accrual REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_charges_make_due();
CREATE TRIGGER journal_due_of_what_went AFTER DELETE ON ledger_lot_movement REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_movements_make_due();
SELECT core_append_only(each) FROM unnest(ARRAY['ledger_journal', 'ledger_posting',
    'ledger_period_closing']::regclass[]) AS each;
-- What stands already is posted by the first turns of the worker.
INSERT INTO ledger_journal_due (source, source_id)
SELECT DISTINCT CASE WHEN trade_id IS NULL THEN 'A' ELSE 'T' END, coalesce(trade_id, action_id)
FROM ledger_position_entry
UNION
SELECT 'T', trade_id FROM settlement_fee_accrual;
"""
UNDO = """
DROP TRIGGER journal_due ON ledger_position_entry;
DROP TRIGGER journal_due ON ledger_lot_movement;
DROP TRIGGER journal_due ON settlement_fee_accrual;
DROP TRIGGER journal_due_of_what_went ON ledger_lot_movement;
DROP TRIGGER balances ON ledger_posting;
DROP TRIGGER open_books ON ledger_journal;
DROP TRIGGER goes_on ON ledger_period_closing;
DROP TRIGGER append_only ON ledger_journal;
DROP TRIGGER never_truncated ON ledger_journal;
DROP TRIGGER append_only ON ledger_posting;
DROP TRIGGER never_truncated ON ledger_posting;
DROP TRIGGER append_only ON ledger_period_closing;
DROP TRIGGER never_truncated ON ledger_period_closing;
DROP FUNCTION ledger_check_postings();
DROP FUNCTION ledger_check_entries();
DROP FUNCTION ledger_check_closing();
DROP FUNCTION ledger_entries_make_due();
DROP FUNCTION ledger_movements_make_due();
DROP FUNCTION ledger_charges_make_due();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0430_journal")]
    operations = [migrations.RunSQL(RULES, UNDO)]

"""The journal is marked to market: its accounts, and the runs of the daily profit that are due to be posted."""

from django.db import migrations, models

BEFORE = [
    "INVENTORY",
    "CASH",
    "RECEIVABLE",
    "PAYABLE",
    "POSITION",
    "ACCRUED_INTEREST",
    "REALISED_GAIN",
    "INVESTMENT_INCOME",
    "FEE_INCOME",
    "FEE_EXPENSE",
    "REVENUE",
    "COST_OF_SALES",
    "ACCRUED_CHARGES",
    "TAX_PAYABLE",
    "SUSPENSE",
]
NOW = [*BEFORE[:7], "VALUATION", "UNREALISED_GAIN", *BEFORE[7:]]
NAMES = {
    "INVENTORY": "Trading positions and inventory, at cost",
    "CASH": "Cash",
    "RECEIVABLE": "Receivable from counterparties",
    "PAYABLE": "Payable to counterparties",
    "POSITION": "Currency and contract positions",
    "ACCRUED_INTEREST": "Interest paid and received with bonds",
    "REALISED_GAIN": "Realised profit and loss",
    "VALUATION": "Valuation of positions, beyond cost",
    "UNREALISED_GAIN": "Unrealised profit and loss",
    "INVESTMENT_INCOME": "Dividends, coupons and redemptions",
    "FEE_INCOME": "Fees and charges received",
    "FEE_EXPENSE": "Fees paid",
    "REVENUE": "Revenue",
    "COST_OF_SALES": "Cost of sales",
    "ACCRUED_CHARGES": "Charges accrued and not yet paid",
    "TAX_PAYABLE": "Sales taxes to be paid over",
    "SUSPENSE": "Suspense",
}
_SOURCES = [("T", "trade"), ("A", "corporate action"), ("P", "profit run")]

# A run changes what is posted of the other runs of its day, and until when the day before it stands.
RULES = """
CREATE FUNCTION ledger_runs_make_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_journal_due (source, source_id)
    SELECT DISTINCT 'P', r.id FROM changed c JOIN ledger_profit_run r ON r.kind <> 'INTRADAY' AND (r.day = c.day
        OR r.day = (SELECT max(b.day) FROM ledger_profit_run b WHERE b.day < c.day AND b.kind <> 'INTRADAY'))
    WHERE c.kind <> 'INTRADAY';
    RETURN NULL;
END $$;
-- Where the lots of a run that was told long ago are noted only now.
CREATE FUNCTION ledger_gains_make_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_journal_due (source, source_id)
    SELECT 'P', r.id FROM (SELECT DISTINCT run_id FROM changed) c JOIN ledger_profit_run r ON r.id = c.run_id
    WHERE r.kind <> 'INTRADAY' AND r.xid <> pg_current_xact_id()::text::bigint;
    RETURN NULL;
END $$;
CREATE TRIGGER journal_due AFTER INSERT ON ledger_profit_run REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_runs_make_due();
CREATE TRIGGER journal_due AFTER INSERT ON ledger_profit_gain REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_gains_make_due();
-- What was told already is posted by the first turns of the worker.
INSERT INTO ledger_journal_due (source, source_id) SELECT 'P', id FROM ledger_profit_run WHERE kind <> 'INTRADAY';
"""
UNDO = """
DELETE FROM ledger_journal_due WHERE source = 'P';
DROP TRIGGER journal_due ON ledger_profit_gain;
DROP TRIGGER journal_due ON ledger_profit_run;
DROP FUNCTION ledger_gains_make_due();
DROP FUNCTION ledger_runs_make_due();
"""


def _accounts(model: str, constraint: str) -> list[migrations.operations.base.Operation]:
    return [
        migrations.RemoveConstraint(model_name=model, name=constraint),
        migrations.AlterField(
            model_name=model,
            name="account",
            field=models.TextField(choices=[(each, NAMES[each]) for each in NOW]),
        ),
        migrations.AddConstraint(
            model_name=model,
            constraint=models.CheckConstraint(condition=models.Q(("account__in", NOW)), name=constraint),
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("ledger", "0530_hand_offs")]
    operations = [
        *_accounts("posting", "ledger_posting_account"),
        *_accounts("accountname", "ledger_account_name_account"),
        *(
            migrations.AlterField(model_name=model, name="source", field=models.TextField(choices=_SOURCES))
            for model in ("journaldue", "journalentry")
        ),
        migrations.RunSQL(RULES, UNDO),
    ]

"""What operations keep from being sealed, and from which amount on two people release it."""

from django.db import migrations, models

from core.models import TransactionId

# A hold is ended once and otherwise never changed; which transaction ended it tells who reads the past.
RULES = """
SELECT core_never_deleted('settlement_hold');

CREATE FUNCTION settlement_hold_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL OR NEW.ended_by = ''
       OR to_jsonb(NEW) - ARRAY['ended_at', 'ended_by', 'end_reason', 'ended_xid']
          IS DISTINCT FROM to_jsonb(OLD) - ARRAY['ended_at', 'ended_by', 'end_reason', 'ended_xid'] THEN
        RAISE EXCEPTION 'a hold is only ended, once' USING ERRCODE = 'restrict_violation';
    END IF;
    NEW.ended_xid := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER ends_once BEFORE UPDATE ON settlement_hold
    FOR EACH ROW EXECUTE FUNCTION settlement_hold_ends_once();
"""
UNDO = """
DROP TRIGGER ends_once ON settlement_hold;
DROP FUNCTION settlement_hold_ends_once();
DROP TRIGGER never_truncated ON settlement_hold;
DROP TRIGGER never_deleted ON settlement_hold;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0310_recalls_of_lines"), ("core", "0250_signing_keys")]
    operations = [
        migrations.AddField(
            "channel",
            "hold_release_from",
            models.DecimalField(
                max_digits=28,
                decimal_places=4,
                null=True,
                blank=True,
                help_text="in base currency: holds of a counterparty that keep back this amount or more are released"
                " by two people; empty: by one",
            ),
        ),
        migrations.AddConstraint(
            "channel",
            models.CheckConstraint(
                condition=models.Q(("hold_release_from__gte", 0)), name="settlement_channel_hold_from"
            ),
        ),
        migrations.CreateModel(
            "Hold",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("TRADE", "Trade"),
                            ("INSTRUCTION", "Instruction"),
                            ("COUNTERPARTY", "Counterparty"),
                        ]
                    ),
                ),
                ("subject_id", models.BigIntegerField()),
                ("channel", models.TextField(default="")),
                ("asset", models.TextField(default="")),
                ("reason", models.TextField()),
                ("until", models.DateField(null=True)),
                ("made_by", models.TextField()),
                ("made_at", models.DateTimeField()),
                ("xid", models.BigIntegerField(db_default=TransactionId(), editable=False)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ended_by", models.TextField(default="")),
                ("end_reason", models.TextField(default="")),
                ("ended_xid", models.BigIntegerField(null=True, editable=False)),
            ],
            options={
                "db_table": "settlement_hold",
                "indexes": [models.Index(fields=["subject_id"], name="settlement_hold_subject")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=["kind", "subject_id", "channel", "asset"],
                        name="settlement_hold_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("channel__in", ("CASH", "SECURITIES", "GOODS")), ("kind", "COUNTERPARTY")
                            ),
                            models.Q(
                                ("asset", ""), ("channel", ""), ("kind__in", ("TRADE", "INSTRUCTION"))
                            ),
                            _connector="OR",
                        ),
                        name="settlement_hold_kind",
                    ),
                ],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]

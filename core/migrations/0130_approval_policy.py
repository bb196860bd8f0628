"""From which amount on a decision of two people takes the amount typed in; a proposal begins by waiting."""

from django.db import migrations, models

# As in 0051, and the client that proposed; and none is born decided.
FREEZE = """
CREATE OR REPLACE FUNCTION core_freeze_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'PENDING' OR (
        NEW.id, NEW.kind, NEW.subject, NEW.subject_id, NEW.content, NEW.content_hash, NEW.maker_id, NEW.reason,
        NEW.made_at, NEW.maker_client_id
    ) IS DISTINCT FROM (
        OLD.id, OLD.kind, OLD.subject, OLD.subject_id, OLD.content, OLD.content_hash, OLD.maker_id, OLD.reason,
        OLD.made_at, OLD.maker_client_id
    ) THEN
        RAISE EXCEPTION 'UPDATE on core_proposal is refused: what is proposed or decided is never changed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION core_begin_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'PENDING' OR NEW.checker_id IS NOT NULL OR NEW.decided_at IS NOT NULL THEN
        RAISE EXCEPTION 'INSERT on core_proposal is refused: a proposal begins by waiting for somebody else'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER begins BEFORE INSERT ON core_proposal FOR EACH ROW EXECUTE FUNCTION core_begin_proposal();
"""
UNDO = """
DROP TRIGGER begins ON core_proposal;
DROP FUNCTION core_begin_proposal();
CREATE OR REPLACE FUNCTION core_freeze_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'PENDING' OR (
        NEW.id, NEW.kind, NEW.subject, NEW.subject_id, NEW.content, NEW.content_hash, NEW.maker_id, NEW.reason,
        NEW.made_at
    ) IS DISTINCT FROM (
        OLD.id, OLD.kind, OLD.subject, OLD.subject_id, OLD.content, OLD.content_hash, OLD.maker_id, OLD.reason,
        OLD.made_at
    ) THEN
        RAISE EXCEPTION 'UPDATE on core_proposal is refused: what is proposed or decided is never changed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0120_proposals_as_of")]
    operations = [
        migrations.CreateModel(
            name="ApprovalPolicy",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.TextField(unique=True)),
                (
                    "typed_from",
                    models.DecimalField(
                        decimal_places=4,
                        help_text="in base currency; from this amount on it must be typed in",
                        max_digits=28,
                    ),
                ),
            ],
            options={
                "db_table": "core_approval_policy",
                "verbose_name_plural": "approval policies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("typed_from__gte", 0)), name="core_approval_policy_not_negative"
                    )
                ],
            },
        ),
        migrations.RunSQL(FREEZE, UNDO),
    ]

"""What is proposed never changes, what is decided stays decided, and a maker may withdraw what still waits."""

from django.db import migrations, models
from django.db.models import Q

FREEZE = """
CREATE FUNCTION core_freeze_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER frozen BEFORE UPDATE ON core_proposal FOR EACH ROW EXECUTE FUNCTION core_freeze_proposal();
SELECT core_never_deleted('core_proposal');
"""
UNDO = """
DROP TRIGGER never_deleted ON core_proposal;
DROP TRIGGER frozen ON core_proposal;
DROP FUNCTION core_freeze_proposal();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0050_claims_that_vanish")]
    operations = [
        migrations.AlterField(
            "proposal",
            "state",
            models.TextField(
                choices=[
                    ("PENDING", "Pending"),
                    ("APPROVED", "Approved"),
                    ("REJECTED", "Rejected"),
                    ("VOID", "Void"),
                    ("WITHDRAWN", "Withdrawn"),
                ],
                default="PENDING",
            ),
        ),
        migrations.RemoveConstraint("proposal", "core_proposal_decided_by_someone"),
        migrations.AddConstraint(
            "proposal",
            models.CheckConstraint(
                condition=Q(state__in=["PENDING", "VOID", "WITHDRAWN"])
                | Q(checker__isnull=False, decided_at__isnull=False),
                name="core_proposal_decided_by_someone",
            ),
        ),
        migrations.RunSQL(FREEZE, UNDO),
    ]

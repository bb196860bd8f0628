"""What was cancelled is said by a report of it, as everything else of an instruction is, and is found by what it cancels.

Instructions that are cancelled already get their report by this migration, and count as known from then on.
"""

from django.db import migrations, models

SAY = """
INSERT INTO settlement_status_report (instruction_id, kind, reported_by, reason, reported_at)
SELECT s.instruction_id, 'CANCELLED', coalesce(a.reported_by, 'system:settlement'), '',
       coalesce(a.reported_at, s.changed_at)
FROM settlement_instruction_state s
LEFT JOIN LATERAL (
    SELECT r.reported_by, r.reported_at
    FROM settlement_recall c JOIN settlement_status_report r ON r.instruction_id = c.cancellation_id
    WHERE c.instruction_id = s.instruction_id AND r.kind = 'ACCEPTED' ORDER BY r.id LIMIT 1
) a ON true
WHERE s.settlement = 'CANCELLED' ORDER BY s.instruction_id
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0070_recalls_as_of")]
    operations = [
        migrations.AddIndex(
            "instruction",
            models.Index(
                fields=["cancels"],
                condition=models.Q(cancels__isnull=False),
                name="settlement_instruction_cancels",
            ),
        ),
        migrations.AlterField(
            "statusreport",
            "kind",
            models.TextField(help_text="ACCEPTED, REJECTED, SETTLED, PARTIAL, FAILED or CANCELLED"),
        ),
        # Undone, the reports stay: nothing that was said is ever deleted.
        migrations.RunSQL(SAY, migrations.RunSQL.noop),
    ]

"""What does not tie out and could not be put right by itself, until the sides agree."""

from django.db import migrations, models

import core.models

RULES = """
SELECT core_never_deleted('settlement_tie_out_break');
"""
UNDO = """
DROP TRIGGER never_truncated ON settlement_tie_out_break;
DROP TRIGGER never_deleted ON settlement_tie_out_break;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0400_shapes")]
    operations = [
        migrations.CreateModel(
            name="TieOutBreak",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("xid", models.BigIntegerField(db_default=core.models.TransactionId(), editable=False)),
                ("kind", models.TextField()),
                ("subject", models.TextField()),
                ("subject_id", models.BigIntegerField()),
                ("code", models.TextField()),
                ("about", models.TextField()),
                ("currency", models.TextField()),
                ("recorded", models.DecimalField(decimal_places=4, max_digits=28)),
                ("expected", models.DecimalField(decimal_places=4, max_digits=28)),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("closed_xid", models.BigIntegerField(editable=False, null=True)),
            ],
            options={
                "db_table": "settlement_tie_out_break",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=[
                            "kind",
                            "subject",
                            "subject_id",
                            "code",
                            "about",
                            "currency",
                            "recorded",
                            "expected",
                        ],
                        name="settlement_tie_out_break_open",
                    )
                ],
                "indexes": [
                    models.Index(fields=["subject_id", "kind"], name="settlement_tie_out_break_of")
                ],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]

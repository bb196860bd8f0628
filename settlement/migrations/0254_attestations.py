"""What each day was, signed; the counts of back offices against it, and where the two differ."""

from django.db import migrations, models

RULES = """
SELECT core_append_only('settlement_attestation');
SELECT core_append_only('settlement_attested_count');
SELECT core_never_deleted('settlement_attestation_break');
"""
UNDO = """
DROP TRIGGER never_truncated ON settlement_attestation_break;
DROP TRIGGER never_deleted ON settlement_attestation_break;
DROP TRIGGER never_truncated ON settlement_attested_count;
DROP TRIGGER append_only ON settlement_attested_count;
DROP TRIGGER never_truncated ON settlement_attestation;
DROP TRIGGER append_only ON settlement_attestation;
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0253_releases")]
    operations = [
        migrations.CreateModel(
            name="Attestation",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("statement", models.TextField()),
                ("key_id", models.TextField()),
                ("signature", models.TextField(help_text="base64")),
                ("made_at", models.DateTimeField()),
            ],
            options={"db_table": "settlement_attestation"},
        ),
        migrations.CreateModel(
            name="AttestedCount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("client_id", models.BigIntegerField()),
                ("client_name", models.TextField()),
                ("counts", models.JSONField()),
                ("posted_at", models.DateTimeField()),
            ],
            options={"db_table": "settlement_attested_count"},
        ),
        migrations.CreateModel(
            name="AttestationBreak",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.DateField()),
                ("client_id", models.BigIntegerField()),
                ("client_name", models.TextField()),
                ("channel", models.TextField()),
                ("measure", models.TextField()),
                ("ours", models.BigIntegerField()),
                ("theirs", models.BigIntegerField()),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("closed_by", models.TextField(default="")),
                ("resolution", models.TextField(default="")),
            ],
            options={
                "db_table": "settlement_attestation_break",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=["day", "client_id", "channel", "measure"],
                        name="settlement_attestation_break_open",
                    )
                ],
            },
        ),
        migrations.RunSQL(RULES, UNDO),
    ]

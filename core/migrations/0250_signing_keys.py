"""The public halves of the keys that have signed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0130_approval_policy")]
    operations = [
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "key_id",
                    models.TextField(
                        help_text="16 hex digits of the SHA-256 of the public key", unique=True
                    ),
                ),
                ("algorithm", models.TextField()),
                ("public_key", models.TextField(help_text="base64")),
                ("first_used_at", models.DateTimeField()),
            ],
            options={"db_table": "core_signing_key"},
        ),
        migrations.RunSQL(
            "SELECT core_append_only('core_signing_key')", "DROP TRIGGER append_only ON core_signing_key"
        ),
    ]

"""The signed manifest of each batch, chained within its channel. Batches that are there get theirs after migrating."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0160_withholdings"), ("core", "0250_signing_keys")]
    operations = [
        migrations.CreateModel(
            name="BatchManifest",
            fields=[
                ("batch_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("channel", models.TextField()),
                ("sequence", models.BigIntegerField()),
                ("statement", models.TextField()),
                ("hash", models.TextField()),
                ("key_id", models.TextField()),
                ("signature", models.TextField(help_text="base64")),
            ],
            options={
                "db_table": "settlement_batch_manifest",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["channel", "sequence"], name="settlement_manifest_sequence"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            "SELECT core_append_only('settlement_batch_manifest')",
            "DROP TRIGGER append_only ON settlement_batch_manifest",
        ),
    ]

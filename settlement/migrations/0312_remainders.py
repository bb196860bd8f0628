"""What was left to settle of an instruction that is taken back after a part of it has settled."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0311_holds")]
    operations = [
        migrations.AddField(
            "recall", "remainder", models.DecimalField(decimal_places=10, max_digits=28, null=True)
        )
    ]

"""Why a bulk run was stopped by itself."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trades", "0535_confirmation_mail")]
    operations = [
        migrations.AddField(
            model_name="bulkrun",
            name="why",
            field=models.TextField(db_default="", default="", help_text="why it was stopped by itself, in words"),
        ),
    ]

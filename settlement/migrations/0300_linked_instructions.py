"""An instruction of delivery versus payment names the other one of its pair. What was sealed before settled apart."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("settlement", "0270_fee_accruals")]
    operations = [migrations.AddField("instruction", "linked_id", models.BigIntegerField(null=True))]

"""The exceptions of a trade are read on its page and in every answer to them: closed ones have no other index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trades", "0052_what_an_exception_said")]
    operations = [
        migrations.AddIndex(
            "exceptionitem", models.Index(fields=["trade_id", "id"], name="trades_exception_trade")
        ),
    ]

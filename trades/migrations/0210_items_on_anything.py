"""Work items may hang on something else than a trade: they name what they are about as the log does."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):

    dependencies = [
        ("trades", "0170_exceptions_desk"),
    ]

    operations = [
        migrations.AddField(
            model_name="exceptionitem", name="subject", field=models.TextField(db_default="trade")
        ),
        migrations.AddField(
            model_name="exceptionitem",
            name="member",
            field=models.TextField(db_default="", help_text="which of the subject's members, if it has any"),
        ),
        migrations.AddField(
            model_name="exceptionitem", name="subject_id", field=models.BigIntegerField(null=True)
        ),
        migrations.RunSQL(
            "UPDATE trades_exception SET subject_id = trade_id WHERE subject_id IS NULL", migrations.RunSQL.noop
        ),
        migrations.AlterField(
            model_name="exceptionitem", name="subject_id", field=models.BigIntegerField()
        ),
        migrations.AlterField(
            model_name="exceptionitem", name="trade_id", field=models.BigIntegerField(null=True)
        ),
        migrations.RemoveConstraint(model_name="exceptionitem", name="trades_exception_one_open"),
        migrations.AddConstraint(
            model_name="exceptionitem",
            constraint=models.UniqueConstraint(
                fields=["subject", "subject_id", "member", "kind"],
                condition=Q(closed_at__isnull=True),
                name="trades_exception_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="exceptionitem",
            constraint=models.CheckConstraint(
                condition=Q(subject="trade", trade_id=F("subject_id"), trade_id__isnull=False)
                | (~Q(subject="trade") & Q(trade_id__isnull=True)),
                name="trades_exception_about",
            ),
        ),
        migrations.AddIndex(
            model_name="exceptionitem",
            index=models.Index(
                fields=["subject_id", "id"],
                condition=Q(trade_id__isnull=True),
                name="trades_exception_other",
            ),
        ),
    ]

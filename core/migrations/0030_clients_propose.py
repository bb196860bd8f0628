"""API clients may propose, too: what they ask for may need a person's approval."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("core", "0021_events_between"),
    ]
    operations = [
        migrations.AlterField(
            model_name="proposal",
            name="maker",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals_made",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="proposal",
            name="maker_client",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="proposals_made",
                to="core.apiclient",
            ),
        ),
        migrations.AddConstraint(
            model_name="proposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("maker__isnull", True), ("maker_client__isnull", True), _connector="XOR"
                ),
                name="core_proposal_one_maker",
            ),
        ),
    ]

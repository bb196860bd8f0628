"""Figures that the trades did not add up to, as work for somebody."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('risk', '0160_limits_in_full'),
    ]

    operations = [
        migrations.CreateModel(
            name='WrongFigure',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('limit_id', models.BigIntegerField()),
                ('key', models.TextField()),
                ('running', models.DecimalField(decimal_places=4, max_digits=28)),
                ('recomputed', models.DecimalField(decimal_places=4, max_digits=28)),
                ('found_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
                ('closed_by', models.TextField(default='')),
                ('note', models.TextField(default='')),
            ],
            options={
                'db_table': 'risk_wrong_figure',
                'indexes': [models.Index(condition=models.Q(('closed_at__isnull', True)), fields=['found_at'], name='risk_wrong_figure_open')],
            },
        ),
        migrations.RunSQL(
            "SELECT core_never_deleted('risk_wrong_figure')", "DROP TRIGGER never_deleted ON risk_wrong_figure"
        ),
    ]

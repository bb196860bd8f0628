"""Which deals must be confirmed before they are sealed, and what may leave without."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('trades', '0340_confirmations'),
    ]

    operations = [
        migrations.CreateModel(
            name='ConfirmationPolicy',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('product', models.TextField(db_default='', default='', help_text='empty: any')),
                ('party', models.TextField(db_default='', default='', help_text="the party's code; empty: any")),
                ('demanded', models.BooleanField(help_text='null: as what is less specific says', null=True)),
                ('changed_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'trades_confirmation_policy',
                'constraints': [models.UniqueConstraint(fields=('product', 'party'), name='trades_confirmation_policy_once')],
            },
        ),
        migrations.CreateModel(
            name='ConfirmationWaiver',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('trade_id', models.BigIntegerField()),
                ('version', models.IntegerField()),
                ('reason', models.TextField()),
                ('actor', models.TextField()),
                ('made_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'trades_confirmation_waiver',
                'constraints': [models.UniqueConstraint(fields=('trade_id', 'version'), name='trades_confirmation_waiver_once')],
            },
        ),
        migrations.RunSQL(
            "SELECT core_append_only('trades_confirmation_waiver')",
            "DROP TRIGGER append_only ON trades_confirmation_waiver",
        ),
    ]

"""Links by which counterparties without a system answer about a trade, once."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('trades', '0420_ageing_of_confirmations'),
    ]

    operations = [
        migrations.AlterField(
            model_name='confirmationversion',
            name='action',
            field=models.TextField(choices=[('CONFIRM', 'confirms'), ('CANCEL', 'cancels'), ('DENY', 'denies')]),
        ),
        migrations.CreateModel(
            name='ConfirmationLink',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('trade_id', models.BigIntegerField()),
                ('version', models.IntegerField()),
                ('digest', models.TextField(help_text='SHA-256 of the secret, in hexadecimal', unique=True)),
                ('actor', models.TextField()),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'trades_confirmation_link',
                'indexes': [models.Index(fields=['trade_id'], name='trades_confirmation_link_of')],
            },
        ),
    ]

"""Mails to counterparties: reminders, and links that somebody wants mailed; and where policies send them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("trades", "0510_bulk_runs"),
    ]

    operations = [
        migrations.AddField(
            model_name='confirmationpolicy',
            name='mail_to',
            field=models.TextField(db_default='', default='', help_text='where reminders are mailed; empty: as what is less specific says'),
        ),
        migrations.CreateModel(
            name='ConfirmationMail',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('trade_id', models.BigIntegerField()),
                ('version', models.IntegerField()),
                ('occasion', models.TextField(choices=[('REMINDER', 'a reminder'), ('LINK', 'a link')])),
                ('number', models.IntegerField()),
                ('mail_to', models.TextField()),
                ('actor', models.TextField()),
                ('made_at', models.DateTimeField()),
                ('next_at', models.DateTimeField()),
                ('attempts', models.SmallIntegerField(db_default=0, default=0)),
                ('state', models.TextField(choices=[('PENDING', 'to be sent'), ('SENDING', 'being sent'), ('SENT', 'sent'), ('GONE', 'not wanted any more'), ('FAILED', 'could not be sent')])),
                ('ended_at', models.DateTimeField(null=True)),
                ('error', models.TextField(db_default='', default='', help_text='why it was not sent the last time')),
            ],
            options={
                'db_table': 'trades_confirmation_mail',
                'indexes': [models.Index(condition=models.Q(('state__in', ['PENDING', 'SENDING'])), fields=['next_at', 'id'], name='trades_confirmation_mail_next')],
                'constraints': [models.UniqueConstraint(fields=('trade_id', 'version', 'occasion', 'number'), name='trades_confirmation_mail_once'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state__in', ['PENDING', 'SENDING'])), models.Q(('ended_at__isnull', False), ('state__in', ['SENT', 'GONE', 'FAILED'])), _connector='OR'), name='trades_confirmation_mail_state')],
            },
        ),
    ]

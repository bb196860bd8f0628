"""By when trades must be confirmed, and which of them are awaited."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('trades', '0341_confirmation_policy'),
    ]

    operations = [
        migrations.CreateModel(
            name='AwaitedConfirmation',
            fields=[
                ('trade_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('version', models.IntegerField()),
                ('since', models.DateTimeField()),
                ('look_at', models.DateTimeField()),
                ('reminders', models.IntegerField(db_default=0, default=0)),
                ('reminded_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'trades_awaited_confirmation',
            },
        ),
        migrations.AddField(
            model_name='confirmationpolicy',
            name='overdue_after_hours',
            field=models.IntegerField(help_text='hours after which a trade without a confirmation is overdue', null=True),
        ),
        migrations.AddField(
            model_name='confirmationpolicy',
            name='remind_every_hours',
            field=models.IntegerField(help_text='hours from one reminder to the next; null: reminded once', null=True),
        ),
        migrations.AddField(
            model_name='confirmationpolicy',
            name='spread_from',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name='confirmationpolicy',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('overdue_after_hours__isnull', True), ('remind_every_hours__isnull', True)), models.Q(('overdue_after_hours__gte', 1), ('overdue_after_hours__isnull', False), models.Q(('remind_every_hours__isnull', True), ('remind_every_hours__gte', 1), _connector='OR')), _connector='OR'), name='trades_confirmation_policy_hours'),
        ),
        migrations.AddIndex(
            model_name='awaitedconfirmation',
            index=models.Index(fields=['look_at', 'trade_id'], name='trades_awaited_look_at'),
        ),
        migrations.AddConstraint(
            model_name='awaitedconfirmation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reminded_at__isnull', True), ('reminders', 0)), models.Q(('reminded_at__isnull', False), ('reminders__gt', 0)), _connector='OR'), name='trades_awaited_reminded'),
        ),
    ]

"""Cut-offs by channel, market and currency; two of one place never hold on the same value date."""

from django.db import migrations, models

# As for settlement cycles: a hash of the place, because texts cannot be excluded without an extension.
PLACE = "hashtextextended(channel || ' ' || market || ' ' || currency, 0)"
NO_OVERLAP = f"""
ALTER TABLE refdata_cut_off ADD CONSTRAINT refdata_cut_off_overlap EXCLUDE USING gist (
    numrange({PLACE}, {PLACE}, '[]') WITH =, daterange(valid_from, valid_to, '[]') WITH &&
) DEFERRABLE INITIALLY DEFERRED;
SELECT core_never_deleted('refdata_cut_off');
"""


class Migration(migrations.Migration):

    dependencies = [
        ('refdata', '0230_settlement_cycles'),
    ]

    operations = [
        migrations.CreateModel(
            name='CutOff',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('channel', models.TextField(choices=[('CASH', 'payments'), ('SECURITIES', 'securities deliveries'), ('GOODS', 'goods deliveries')])),
                ('market', models.TextField(default='*', help_text='a MIC of securities, or * for every market')),
                ('currency', models.TextField(default='*', help_text='of the payment, or in which the security is kept; * for every one')),
                ('zone', models.TextField(help_text='IANA zone of the cut-off')),
                ('time', models.TimeField(help_text='local time')),
                ('lead_days', models.SmallIntegerField(default=0, help_text='business days before the value date on which the cut-off falls')),
                ('valid_from', models.DateField(help_text='first value date for which it holds')),
                ('valid_to', models.DateField(blank=True, help_text='last value date for which it holds', null=True)),
            ],
            options={
                'db_table': 'refdata_cut_off',
                'constraints': [models.UniqueConstraint(fields=('channel', 'market', 'currency', 'valid_from'), name='refdata_cut_off_once'), models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='refdata_cut_off_range'), models.CheckConstraint(condition=models.Q(('lead_days__gte', 0), ('lead_days__lte', 30)), name='refdata_cut_off_lead'), models.CheckConstraint(condition=models.Q(('market', '*'), ('channel', 'SECURITIES'), _connector='OR'), name='refdata_cut_off_market'), models.CheckConstraint(condition=models.Q(('currency', '*'), models.Q(('channel', 'GOODS'), _negated=True), _connector='OR'), name='refdata_cut_off_currency')],
            },
        ),
        migrations.RunSQL(NO_OVERLAP, migrations.RunSQL.noop),  # gone with the table
    ]

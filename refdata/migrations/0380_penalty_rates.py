"""What a failed settlement costs a business day; two rates of one place never hold on the same day."""

from django.db import migrations, models

# As for cut-offs: a hash of the place, because texts cannot be excluded without an extension.
PLACE = "hashtextextended(asset_class || ' ' || liquidity || ' ' || currency, 0)"
NO_OVERLAP = f"""
ALTER TABLE refdata_penalty_rate ADD CONSTRAINT refdata_penalty_rate_overlap EXCLUDE USING gist (
    numrange({PLACE}, {PLACE}, '[]') WITH =, daterange(valid_from, valid_to, '[]') WITH &&
) DEFERRABLE INITIALLY DEFERRED;
SELECT core_never_deleted('refdata_penalty_rate');
"""


class Migration(migrations.Migration):

    dependencies = [
        ('refdata', '0330_billing_terms'),
    ]

    operations = [
        migrations.CreateModel(
            name='PenaltyRate',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('asset_class', models.TextField(help_text='CASH, or a product class of instruments')),
                ('liquidity', models.TextField(default='*', help_text="the instrument's liquidity class, or * for every one")),
                ('currency', models.TextField(default='*', help_text='of cash, or * for every one')),
                ('basis_points', models.DecimalField(decimal_places=6, help_text='for each business day', max_digits=10)),
                ('source', models.TextField(help_text='where the rate is published')),
                ('valid_from', models.DateField(help_text='first day for which it holds')),
                ('valid_to', models.DateField(blank=True, help_text='last day for which it holds', null=True)),
            ],
            options={
                'db_table': 'refdata_penalty_rate',
                'constraints': [models.UniqueConstraint(fields=('asset_class', 'liquidity', 'currency', 'valid_from'), name='refdata_penalty_rate_once'), models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='refdata_penalty_rate_range'), models.CheckConstraint(condition=models.Q(models.Q(('asset_class', 'CASH'), ('liquidity', '*')), models.Q(models.Q(('asset_class', 'CASH'), _negated=True), ('currency', '*')), _connector='OR'), name='refdata_penalty_rate_place'), models.CheckConstraint(condition=models.Q(('basis_points__gte', 0), ('basis_points__lt', 10000)), name='refdata_penalty_rate_size')],
            },
        ),
        migrations.RunSQL(NO_OVERLAP, migrations.RunSQL.noop),  # gone with the table
    ]

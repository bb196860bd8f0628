"""The most that one instruction may be over; two maxima of one place never hold on the same day."""

from django.db import migrations, models

# As for cut-offs: a hash of the place, because texts cannot be excluded without an extension.
PLACE = "hashtextextended(asset_kind || ' ' || asset, 0)"
NO_OVERLAP = f"""
ALTER TABLE refdata_maximum_size ADD CONSTRAINT refdata_maximum_size_overlap EXCLUDE USING gist (
    numrange({PLACE}, {PLACE}, '[]') WITH =, daterange(valid_from, valid_to, '[]') WITH &&
) DEFERRABLE INITIALLY DEFERRED;
SELECT core_never_deleted('refdata_maximum_size');
"""


class Migration(migrations.Migration):

    dependencies = [
        ('refdata', '0380_penalty_rates'),
    ]

    operations = [
        migrations.CreateModel(
            name='MaximumSize',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('asset_kind', models.TextField(choices=[('CASH', 'cash'), ('SECURITY', 'securities'), ('GOODS', 'goods')])),
                ('asset', models.TextField(default='*', help_text='a currency, ISIN or SKU, or * for every one of the kind')),
                ('maximum', models.DecimalField(decimal_places=10, help_text='amount of money, or quantity, of one instruction', max_digits=28)),
                ('valid_from', models.DateField(help_text='first value date for which it holds')),
                ('valid_to', models.DateField(blank=True, help_text='last value date for which it holds', null=True)),
            ],
            options={
                'db_table': 'refdata_maximum_size',
                'constraints': [models.UniqueConstraint(fields=('asset_kind', 'asset', 'valid_from'), name='refdata_maximum_size_once'), models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='refdata_maximum_size_range'), models.CheckConstraint(condition=models.Q(('maximum__gt', 0)), name='refdata_maximum_size_positive')],
            },
        ),
        migrations.RunSQL(NO_OVERLAP, migrations.RunSQL.noop),  # gone with the table
    ]

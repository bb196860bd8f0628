"""What a bond or a listed derivative is, beside what every instrument has."""

import datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('refdata', '0006_stamp'),
    ]

    operations = [
        migrations.AddField(
            model_name='instrument',
            name='coupon_frequency',
            field=models.SmallIntegerField(blank=True, help_text='of a bond: coupons a year (1, 2, 3, 4, 6 or 12)', null=True),
        ),
        migrations.AddField(
            model_name='instrument',
            name='coupon_rate',
            field=models.DecimalField(blank=True, decimal_places=6, help_text='of a bond: per cent of nominal a year; 0: none is paid', max_digits=10, null=True),
        ),
        migrations.AddField(
            model_name='instrument',
            name='dated_date',
            field=models.DateField(blank=True, help_text='of a bond: interest accrues from here', null=True),
        ),
        migrations.AddField(
            model_name='instrument',
            name='day_count',
            field=models.TextField(blank=True, default='', help_text='of a bond: FpML day count fraction'),
        ),
        migrations.AddField(
            model_name='instrument',
            name='end_of_month',
            field=models.BooleanField(default=False, help_text='of a bond: a coupon falls on the last day of its month, as the maturity does'),
        ),
        migrations.AddField(
            model_name='instrument',
            name='expiry',
            field=models.DateField(blank=True, help_text='of a listed derivative: the last day it is traded', null=True),
        ),
        migrations.AddField(
            model_name='instrument',
            name='maturity',
            field=models.DateField(blank=True, help_text='of a bond: when the nominal is paid back', null=True),
        ),
        migrations.AddField(
            model_name='instrument',
            name='option_type',
            field=models.TextField(blank=True, choices=[('CALL', 'call'), ('PUT', 'put')], default='', help_text='of a listed option; empty: a future'),
        ),
        migrations.AddField(
            model_name='instrument',
            name='strike',
            field=models.DecimalField(blank=True, decimal_places=10, help_text='of a listed option', max_digits=28, null=True),
        ),
        migrations.AddField(
            model_name='instrument',
            name='underlying',
            field=models.TextField(blank=True, default='', help_text='of a listed derivative: what it is on, by code or in words'),
        ),
        migrations.AddConstraint(
            model_name='instrument',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('coupon_rate__isnull', True), ('dated_date__isnull', True), ('day_count', ''), ('maturity__isnull', True)), models.Q(('coupon_rate__gte', 0), ('coupon_rate__isnull', False), ('dated_date__gte', datetime.date(1950, 1, 1)), ('dated_date__isnull', False), ('dated_date__lt', models.F('maturity')), ('maturity__isnull', False), ('maturity__lte', datetime.date(2199, 12, 31)), models.Q(('day_count', ''), _negated=True)), _connector='OR'), name='refdata_instrument_bond'),
        ),
        migrations.AddConstraint(
            model_name='instrument',
            constraint=models.CheckConstraint(condition=models.Q(('coupon_frequency__isnull', True), ('coupon_frequency__in', [1, 2, 3, 4, 6, 12]), _connector='OR'), name='refdata_instrument_frequency'),
        ),
        migrations.AddConstraint(
            model_name='instrument',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('option_type', ''), ('strike__isnull', True)), models.Q(('expiry__isnull', False), ('option_type__in', ['CALL', 'PUT']), ('strike__isnull', False)), _connector='OR'), name='refdata_instrument_option'),
        ),
    ]

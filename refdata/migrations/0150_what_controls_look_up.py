"""What the checks of mandates, lists, documents, credit and prices look up."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('refdata', '0060_bounded_factors'),
    ]

    operations = [
        migrations.CreateModel(
            name='Agreement',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('product', models.TextField(default='*', help_text='a product, or * for every one')),
                ('reference', models.TextField(help_text='what the agreement is called: ISDA-2002 …')),
                ('valid_from', models.DateField()),
                ('valid_to', models.DateField(blank=True, help_text='last day on which it holds', null=True)),
            ],
            options={
                'db_table': 'refdata_agreement',
            },
        ),
        migrations.CreateModel(
            name='Mandate',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('trader', models.TextField(default='*')),
                ('product', models.TextField(default='*')),
                ('book', models.TextField(default='*')),
                ('market', models.TextField(default='*', help_text='ISO 10383 MIC')),
                ('max_tenor_days', models.IntegerField(blank=True, help_text='calendar days from the trade to its last date; empty: any', null=True)),
                ('valid_from', models.DateField()),
                ('valid_to', models.DateField(blank=True, help_text='last day on which it holds', null=True)),
            ],
            options={
                'db_table': 'refdata_mandate',
            },
        ),
        migrations.CreateModel(
            name='WatchEntry',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('list', models.TextField(help_text='whose list: EU-SANCTIONS, RESEARCH-BLACKOUT …')),
                ('subject', models.TextField(choices=[('PARTY', 'party'), ('INSTRUMENT', 'instrument'), ('COUNTRY', 'country')])),
                ('key', models.TextField(help_text='code or LEI of a party, code of an instrument, ISO 3166-1 country')),
                ('measure', models.TextField(choices=[('RESTRICTED', 'restricted'), ('WATCHED', 'watched')])),
                ('note', models.TextField(blank=True, default='')),
                ('valid_from', models.DateField()),
                ('valid_to', models.DateField(blank=True, help_text='last day on which it holds', null=True)),
            ],
            options={
                'verbose_name_plural': 'watch entries',
                'db_table': 'refdata_watch_entry',
            },
        ),
        migrations.AddField(
            model_name='closeprice',
            name='high',
            field=models.DecimalField(blank=True, decimal_places=10, max_digits=28, null=True),
        ),
        migrations.AddField(
            model_name='closeprice',
            name='low',
            field=models.DecimalField(blank=True, decimal_places=10, max_digits=28, null=True),
        ),
        migrations.AddField(
            model_name='instrument',
            name='liquidity_class',
            field=models.TextField(blank=True, choices=[('HIGH', 'high'), ('MEDIUM', 'medium'), ('LOW', 'low')], default='', help_text='how much it is dealt in; with a class, a fresh price is expected'),
        ),
        migrations.AddField(
            model_name='party',
            name='credit_limit',
            field=models.DecimalField(blank=True, decimal_places=2, help_text='of a customer: open orders at most, in base currency', max_digits=28, null=True),
        ),
        migrations.AddField(
            model_name='party',
            name='kyc_valid_to',
            field=models.DateField(blank=True, help_text='last day of its know-your-customer review', null=True),
        ),
        migrations.AddField(
            model_name='party',
            name='lei_valid_to',
            field=models.DateField(blank=True, help_text='last day before its LEI must be renewed', null=True),
        ),
        migrations.AddField(
            model_name='party',
            name='max_discount',
            field=models.DecimalField(blank=True, decimal_places=4, help_text="of a customer: discount from the list as a fraction; empty: the check's own", max_digits=6, null=True),
        ),
        migrations.AddField(
            model_name='party',
            name='onboarded_on',
            field=models.DateField(blank=True, help_text='when business with it was opened; its first trade is then pointed out', null=True),
        ),
        migrations.AddField(
            model_name='party',
            name='party_group',
            field=models.TextField(blank=True, default='', help_text='the group of companies it belongs to; the same text for all of them'),
        ),
        migrations.AlterField(
            model_name='instrument',
            name='price_tolerance',
            field=models.DecimalField(blank=True, decimal_places=4, help_text='allowed distance from the close as a fraction; empty: that of its liquidity class', max_digits=6, null=True),
        ),
        migrations.AddConstraint(
            model_name='closeprice',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('high__isnull', True), ('low__isnull', True)), models.Q(('high__isnull', False), ('low__gt', 0), ('low__isnull', False), ('low__lte', models.F('high'))), _connector='OR'), name='refdata_close_price_range'),
        ),
        migrations.AddConstraint(
            model_name='party',
            constraint=models.CheckConstraint(condition=models.Q(('credit_limit__isnull', True), ('credit_limit__gte', 0), _connector='OR'), name='refdata_party_credit_limit'),
        ),
        migrations.AddConstraint(
            model_name='party',
            constraint=models.CheckConstraint(condition=models.Q(('max_discount__isnull', True), models.Q(('max_discount__gte', 0), ('max_discount__lte', 1)), _connector='OR'), name='refdata_party_max_discount'),
        ),
        migrations.AddField(
            model_name='agreement',
            name='party',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='agreements', to='refdata.party'),
        ),
        migrations.AddConstraint(
            model_name='mandate',
            constraint=models.UniqueConstraint(fields=('trader', 'product', 'book', 'market', 'valid_from'), name='refdata_mandate_once'),
        ),
        migrations.AddConstraint(
            model_name='mandate',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='refdata_mandate_range'),
        ),
        migrations.AddConstraint(
            model_name='mandate',
            constraint=models.CheckConstraint(condition=models.Q(('max_tenor_days__isnull', True), ('max_tenor_days__gte', 0), _connector='OR'), name='refdata_mandate_tenor'),
        ),
        migrations.AddIndex(
            model_name='watchentry',
            index=models.Index(fields=['subject', 'key'], name='refdata_watch_entry_lookup'),
        ),
        migrations.AddConstraint(
            model_name='watchentry',
            constraint=models.UniqueConstraint(fields=('list', 'subject', 'key', 'valid_from'), name='refdata_watch_entry_once'),
        ),
        migrations.AddConstraint(
            model_name='watchentry',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='refdata_watch_entry_range'),
        ),
        migrations.AddIndex(
            model_name='agreement',
            index=models.Index(fields=['product'], name='refdata_agreement_product'),
        ),
        migrations.AddConstraint(
            model_name='agreement',
            constraint=models.UniqueConstraint(fields=('party', 'product', 'reference', 'valid_from'), name='refdata_agreement_once'),
        ),
        migrations.AddConstraint(
            model_name='agreement',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='refdata_agreement_range'),
        ),
        *(
            migrations.RunSQL(
                f"SELECT core_never_deleted('refdata_{table}')",
                f"DROP TRIGGER never_deleted ON refdata_{table}",
            )
            for table in ("mandate", "watch_entry", "agreement")
        ),
    ]

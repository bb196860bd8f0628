"""By which terms invoices are made and paid: by entity, party and product."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("refdata", "0300_netting_agreements"),
    ]

    operations = [
        migrations.CreateModel(
            name='BillingTerms',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('entity', models.TextField(default='*', help_text='the code of who bills, or * for every entity')),
                ('party', models.TextField(default='*', help_text='the code of who is billed, or * for every party')),
                ('product', models.TextField(default='*', help_text='a product, or * for every one')),
                ('days', models.SmallIntegerField(help_text="calendar days from the invoice's date to the due date")),
                ('end_of_month', models.BooleanField(default=False, help_text='due on the last day of that month')),
                ('services', models.TextField(choices=[('DATE', 'when their period or milestone ends, or when they are delivered before'), ('DELIVERY', 'when they are delivered')], default='DATE')),
                ('fees', models.TextField(choices=[('TRADE', 'for each trade'), ('MONTH', 'each month')], default='TRADE')),
                ('credit_alone_below', models.DecimalField(decimal_places=4, default=0, help_text="in the invoice's currency: one person credits less than this, two people what is more", max_digits=19)),
            ],
            options={
                'verbose_name_plural': 'billing terms',
                'db_table': 'refdata_billing_terms',
                'constraints': [models.UniqueConstraint(fields=('entity', 'party', 'product'), name='refdata_billing_terms_once'), models.CheckConstraint(condition=models.Q(('days__gte', 0), ('days__lte', 365)), name='refdata_billing_terms_days'), models.CheckConstraint(condition=models.Q(('fees__in', ['TRADE', 'MONTH']), ('services__in', ['DATE', 'DELIVERY'])), name='refdata_billing_terms_words'), models.CheckConstraint(condition=models.Q(('credit_alone_below__gte', 0)), name='refdata_billing_terms_credit')],
            },
        ),
        migrations.RunSQL("SELECT core_never_deleted('refdata_billing_terms')", migrations.RunSQL.noop),  # gone with it
    ]

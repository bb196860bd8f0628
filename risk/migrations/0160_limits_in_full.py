"""Limits in full: currency, temporary excesses, reservations, stops; and figures that know when they are stale."""

from django.db import migrations, models


# What places a trade under a limit may change while the trade counts: the figures are told again then.
RULES = """
CREATE FUNCTION risk_limit_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.stale := true;
    RETURN NEW;
END $$;
CREATE TRIGGER risk_limit_moved BEFORE UPDATE ON risk_limit FOR EACH ROW
WHEN ((NEW.measure, NEW.dimensions, NEW.members, NEW.valid_from, NEW.valid_to)
      IS DISTINCT FROM (OLD.measure, OLD.dimensions, OLD.members, OLD.valid_from, OLD.valid_to))
EXECUTE FUNCTION risk_limit_moved();

CREATE FUNCTION risk_places_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE risk_limit SET stale = true WHERE NOT stale AND dimensions && TG_ARGV::text[];
    RETURN NULL;
END $$;
CREATE TRIGGER risk_book_moved AFTER UPDATE ON refdata_book FOR EACH ROW
WHEN ((NEW.code, NEW.desk, NEW.entity_id) IS DISTINCT FROM (OLD.code, OLD.desk, OLD.entity_id))
EXECUTE FUNCTION risk_places_moved('book', 'desk', 'entity');
CREATE TRIGGER risk_party_moved AFTER UPDATE ON refdata_party FOR EACH ROW
WHEN ((NEW.code, NEW.country, NEW.party_group) IS DISTINCT FROM (OLD.code, OLD.country, OLD.party_group))
EXECUTE FUNCTION risk_places_moved('counterparty', 'country', 'party_group');
CREATE TRIGGER risk_instrument_moved AFTER UPDATE ON refdata_instrument FOR EACH ROW
WHEN ((NEW.code, NEW.issuer) IS DISTINCT FROM (OLD.code, OLD.issuer))
EXECUTE FUNCTION risk_places_moved('instrument', 'issuer');

SELECT core_append_only('risk_reserved_use');
SELECT core_append_only('risk_temporary_excess');
SELECT core_never_deleted('risk_reservation');
SELECT core_never_deleted('risk_stop');
"""
UNDO = """
DROP TRIGGER risk_instrument_moved ON refdata_instrument;
DROP TRIGGER risk_party_moved ON refdata_party;
DROP TRIGGER risk_book_moved ON refdata_book;
DROP FUNCTION risk_places_moved();
DROP TRIGGER risk_limit_moved ON risk_limit;
DROP FUNCTION risk_limit_moved();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0051_proposals_are_frozen'),
        ('refdata', '0160_issuers'),
        ("risk", "0150_size_history"),
    ]

    operations = [
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('client_id', models.BigIntegerField()),
                ('source', models.TextField()),
                ('terms', models.JSONField()),
                ('state', models.TextField(choices=[('HELD', 'held'), ('DRAWN', 'drawn by its trade'), ('RELEASED', 'released'), ('EXPIRED', 'expired')], default='HELD')),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('trade_id', models.BigIntegerField(null=True)),
            ],
            options={
                'db_table': 'risk_reservation',
            },
        ),
        migrations.CreateModel(
            name='ReservedUse',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('reservation_id', models.BigIntegerField()),
                ('limit_id', models.BigIntegerField()),
                ('key', models.TextField()),
                ('up', models.DecimalField(decimal_places=4, max_digits=28)),
                ('down', models.DecimalField(decimal_places=4, max_digits=28)),
            ],
            options={
                'db_table': 'risk_reserved_use',
            },
        ),
        migrations.CreateModel(
            name='Stop',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.TextField(choices=[('PARTY', 'party'), ('TRADER', 'trader'), ('BOOK', 'book'), ('INSTRUMENT', 'instrument'), ('SOURCE', 'source')])),
                ('key', models.TextField(help_text='its code')),
                ('reason', models.TextField()),
                ('made_by', models.TextField()),
                ('made_at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'risk_stop',
            },
        ),
        migrations.CreateModel(
            name='TemporaryExcess',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('limit_id', models.BigIntegerField()),
                ('key', models.TextField()),
                ('amount', models.DecimalField(decimal_places=2, help_text="in the unit of the limit's marks", max_digits=28)),
                ('valid_from', models.DateTimeField()),
                ('valid_until', models.DateTimeField()),
                ('proposal_id', models.BigIntegerField(unique=True)),
            ],
            options={
                'db_table': 'risk_temporary_excess',
            },
        ),
        migrations.AddField(
            model_name='limit',
            name='approver_role',
            field=models.TextField(blank=True, default='', help_text='who approves a temporary excess; empty: whoever approves excesses'),
        ),
        migrations.AddField(
            model_name='limit',
            name='currency',
            field=models.TextField(blank=True, default='', help_text='ISO 4217; empty: the base currency'),
        ),
        migrations.AddField(
            model_name='limit',
            name='excess_hours',
            field=models.IntegerField(blank=True, help_text='the longest that a temporary excess may last', null=True),
        ),
        migrations.AddField(
            model_name='limit',
            name='excess_max',
            field=models.DecimalField(blank=True, decimal_places=2, help_text='the most that may be approved on top of hard; empty: nothing', max_digits=28, null=True),
        ),
        migrations.AddField(
            model_name='limit',
            name='floor',
            field=models.DecimalField(decimal_places=2, default=0, help_text='of a share: the total up to which it is silent', max_digits=28),
        ),
        migrations.AddField(
            model_name='limit',
            name='stale',
            field=models.BooleanField(default=True, help_text='its figures must be told again from the trades: it, or what places them, changed'),
        ),
        migrations.AddField(
            model_name='utilisation',
            name='held_down',
            field=models.DecimalField(db_default=0, decimal_places=4, default=0, max_digits=28),
        ),
        migrations.AddField(
            model_name='utilisation',
            name='held_up',
            field=models.DecimalField(db_default=0, decimal_places=4, default=0, max_digits=28),
        ),
        migrations.AddConstraint(
            model_name='utilisation',
            constraint=models.CheckConstraint(condition=models.Q(('held_up__gte', 0), ('held_down__gte', 0)), name='risk_utilisation_held'),
        ),
        migrations.AddIndex(
            model_name='reservation',
            index=models.Index(condition=models.Q(('state', 'HELD')), fields=['expires_at'], name='risk_reservation_held'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state', 'HELD')), models.Q(models.Q(('state', 'HELD'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='risk_reservation_ended'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'DRAWN'), ('trade_id__isnull', False)), models.Q(models.Q(('state', 'DRAWN'), _negated=True), ('trade_id__isnull', True)), _connector='OR'), name='risk_reservation_drawn'),
        ),
        migrations.AddConstraint(
            model_name='reserveduse',
            constraint=models.UniqueConstraint(fields=('reservation_id', 'limit_id', 'key'), name='risk_reserved_use_member'),
        ),
        migrations.AddConstraint(
            model_name='stop',
            constraint=models.UniqueConstraint(condition=models.Q(('lifted_at__isnull', True)), fields=('kind', 'key'), name='risk_stop_in_force'),
        ),
        migrations.AddIndex(
            model_name='temporaryexcess',
            index=models.Index(fields=['limit_id', 'valid_until'], name='risk_temporary_excess_limit'),
        ),
        migrations.AddConstraint(
            model_name='temporaryexcess',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('valid_from__lt', models.F('valid_until'))), name='risk_temporary_excess_sane'),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]

"""Netting agreements are rows of their own; what a party's flag said of netting becomes an agreement for everything.

No two of one party and entity hold on the same value date. The log says which agreements were made of a flag.
"""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

BEFORE = import_module("refdata.migrations.0230_settlement_cycles")
RESOLVE = BEFORE.RESOLVE.replace("p.netting, p.restricted", "NULL::boolean, p.restricted")

PLACE = "hashtextextended(party_id::text || ' ' || entity, 0)"
NO_OVERLAP = f"""
ALTER TABLE refdata_netting_agreement ADD CONSTRAINT refdata_netting_overlap EXCLUDE USING gist (
    numrange({PLACE}, {PLACE}, '[]') WITH =, daterange(valid_from, valid_to, '[]') WITH &&
) DEFERRABLE INITIALLY DEFERRED;
SELECT core_never_deleted('refdata_netting_agreement');
"""
# The flag held for every date.
TAKE_OVER = """
WITH made AS (
    INSERT INTO refdata_netting_agreement
        (party_id, entity, reference, payments, securities, goods, valid_from, valid_to)
    SELECT id, '*', '', 'CURRENCY', 'SECURITY', 'ITEM', DATE '1970-01-01', NULL
    FROM refdata_party WHERE netting ORDER BY id
    RETURNING *
)
INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, actor, request_id, reason, data)
SELECT now(), pg_current_xact_id()::text::bigint, 'netting_agreement.created', 'netting_agreement', m.id,
       'system:migration', '', 'the party had netting set',
       jsonb_build_object(
           'key', jsonb_build_object('party', p.code, 'entity', m.entity, 'valid_from', m.valid_from),
           'before', NULL,
           'after', jsonb_build_object('party', p.code, 'entity', m.entity, 'reference', m.reference,
                                       'payments', m.payments, 'securities', m.securities, 'goods', m.goods,
                                       'valid_from', m.valid_from, 'valid_to', m.valid_to))
FROM made m JOIN refdata_party p ON p.id = m.party_id
"""
GIVE_BACK = """
UPDATE refdata_party p SET netting = EXISTS (
    SELECT FROM refdata_netting_agreement a WHERE a.party_id = p.id AND a.payments <> 'NONE' AND a.valid_to IS NULL
)
"""
_SETTLED = "SET CONSTRAINTS ALL IMMEDIATE"  # a table with checks still to come cannot be altered


class Migration(migrations.Migration):
    dependencies = [("refdata", "0270_fee_rules"), ("core", "0002_rules")]
    operations = [
        migrations.CreateModel(
            name="NettingAgreement",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "entity",
                    models.TextField(
                        default="*", help_text="the code of one of our entities, or * for every one"
                    ),
                ),
                (
                    "reference",
                    models.TextField(blank=True, default="", help_text="what the agreement is called"),
                ),
                (
                    "payments",
                    models.TextField(
                        choices=[("NONE", "each by itself"), ("CURRENCY", "by currency")], default="NONE"
                    ),
                ),
                (
                    "securities",
                    models.TextField(
                        choices=[
                            ("NONE", "each by itself"),
                            ("SECURITY", "by security and place of settlement"),
                        ],
                        default="NONE",
                    ),
                ),
                (
                    "goods",
                    models.TextField(
                        choices=[("NONE", "each by itself"), ("ITEM", "by item")], default="NONE"
                    ),
                ),
                ("valid_from", models.DateField(help_text="first value date for which it holds")),
                (
                    "valid_to",
                    models.DateField(blank=True, help_text="last value date for which it holds", null=True),
                ),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="netting_agreements",
                        to="refdata.party",
                    ),
                ),
            ],
            options={
                "db_table": "refdata_netting_agreement",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["party", "entity", "valid_from"], name="refdata_netting_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(valid_to__isnull=True)
                        | models.Q(valid_to__gte=models.F("valid_from")),
                        name="refdata_netting_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            payments__in=["NONE", "CURRENCY"],
                            securities__in=["NONE", "SECURITY"],
                            goods__in=["NONE", "ITEM"],
                        ),
                        name="refdata_netting_words",
                    ),
                ],
            },
        ),
        migrations.RunSQL(NO_OVERLAP, migrations.RunSQL.noop),  # gone with the table
        migrations.RunSQL(TAKE_OVER + ";" + _SETTLED, GIVE_BACK),
        migrations.RunSQL(RESOLVE, BEFORE.RESOLVE),
        migrations.RemoveField("party", "netting"),
    ]

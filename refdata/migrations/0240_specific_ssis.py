"""SSIs may be narrowed to a product, currency, market and book; no two that name the same hold on the same day.

Where two did, the earlier one now ends on the day before the later one begins, and the log says so. Until then the
trades of these days were held as ambiguous.
"""

from django.db import migrations, models
from django.db.models import Q

_NARROWINGS = ("product", "currency", "market", "book")

TRIM = """
WITH next AS (
    SELECT id, valid_to, lead(valid_from) OVER (PARTITION BY party_id, kind, key ORDER BY valid_from) AS begins
    FROM refdata_ssi
), trimmed AS (
    UPDATE refdata_ssi s SET valid_to = next.begins - 1
    FROM next
    WHERE next.id = s.id AND next.begins IS NOT NULL AND (next.valid_to IS NULL OR next.valid_to >= next.begins)
    RETURNING s.*, next.valid_to AS before
)
INSERT INTO core_event (recorded_at, xid, type, subject, subject_id, actor, request_id, reason, data)
SELECT now(), pg_current_xact_id()::text::bigint, 'ssi.changed', 'ssi', t.id, 'system:migration', '',
       'another one of the same key begins then',
       jsonb_build_object('key', jsonb_build_object('party', p.code, 'kind', t.kind, 'key', t.key,
                                                    'valid_from', t.valid_from),
                          'before', jsonb_build_object('valid_to', t.before),
                          'after', jsonb_build_object('valid_to', t.valid_to))
FROM trimmed t JOIN refdata_party p ON p.id = t.party_id
"""
# Shifted by a bit, so that the range above the greatest number has an end. Deferrable: it is looked at when a
# statement ends, so that one load may end a row and begin the next.
_NO_OVERLAP = f"""
CREATE FUNCTION refdata_ssi_place(party_id bigint, VARIADIC names text[]) RETURNS int8range
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT int8range(h, h, '[]')
    FROM (SELECT hashtextextended(array_to_string(party_id::text || names, chr(31)), 0) >> 1 AS h) AS hashed
$$;
ALTER TABLE refdata_ssi ADD CONSTRAINT refdata_ssi_no_overlap EXCLUDE USING gist (
    refdata_ssi_place(party_id, kind, key, {", ".join(_NARROWINGS)}) WITH &&,
    daterange(valid_from, valid_to, '[]') WITH &&
) DEFERRABLE INITIALLY IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [("refdata", "0231_cut_offs"), ("core", "0002_rules")]
    operations = [
        migrations.RunSQL(TRIM, migrations.RunSQL.noop),
        *(
            migrations.AddField(
                "ssi", name, models.TextField(default="*", help_text=text, db_default="*")
            )
            for name, text in (
                ("product", "a product, or * for every one"),
                ("currency", "of securities and goods: the trade's currency, or * for every one"),
                ("market", "of cash: the MIC of the instrument's market, or * for every one"),
                ("book", "the code of a book, or * for every one"),
            )
        ),
        migrations.RemoveConstraint("ssi", "refdata_ssi_once"),
        migrations.AddConstraint(
            "ssi",
            models.CheckConstraint(
                condition=~Q(product="") & ~Q(currency="") & ~Q(market="") & ~Q(book=""),
                name="refdata_ssi_named",
            ),
        ),
        migrations.AddConstraint(
            "ssi",
            models.CheckConstraint(
                condition=Q(kind="CASH", currency="*") | (~Q(kind="CASH") & Q(market="*")),
                name="refdata_ssi_narrowed_by",
            ),
        ),
        migrations.AddIndex(
            "ssi",
            models.Index(
                fields=["party"],
                condition=~Q(product="*", currency="*", market="*", book="*"),
                name="refdata_ssi_narrowed",
            ),
        ),
        migrations.RunSQL(
            _NO_OVERLAP,
            "ALTER TABLE refdata_ssi DROP CONSTRAINT refdata_ssi_no_overlap;"
            "DROP FUNCTION refdata_ssi_place(bigint, text[]);",
        ),
    ]

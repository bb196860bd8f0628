"""A number that every change of what trades refer to moves on, so that processes may keep what they looked up.

Each statement that changes such a table takes the next number first: writers of reference data follow one
another from there on, and none can commit with a number that another has used.
"""

from django.db import migrations

TABLES = ("party", "instrument", "instrument_identifier", "book", "fx_rate", "holiday")

STAMP = """
CREATE TABLE refdata_stamp (one boolean PRIMARY KEY DEFAULT true CHECK (one), value bigint NOT NULL);
INSERT INTO refdata_stamp (value) VALUES (1);
CREATE FUNCTION refdata_move_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE refdata_stamp SET value = value + 1;
    RETURN NULL;
END $$;
""" + "".join(
    f"""
CREATE TRIGGER refdata_{table}_stamp BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON refdata_{table}
FOR EACH STATEMENT EXECUTE FUNCTION refdata_move_stamp();
"""
    for table in TABLES
)
UNDO = (
    "".join(f"DROP TRIGGER refdata_{table}_stamp ON refdata_{table};\n" for table in TABLES)
    + "DROP FUNCTION refdata_move_stamp();\nDROP TABLE refdata_stamp;"
)


class Migration(migrations.Migration):
    dependencies = [("refdata", "0005_resolve_in_one_call")]
    operations = [migrations.RunSQL(STAMP, UNDO)]

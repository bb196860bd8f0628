"""The recorded ranges of a trade's versions have no gap and no overlap: PostgreSQL refuses what does not follow on."""

from django.db import migrations

# After the row: a trigger before it would make COPY store row by row. First versions pay for the condition alone.
# What it reads is the version before, by its key. If another transaction stores it at this moment, it is not there
# yet, and this one is refused; two that store the same version meet at the key.
RULES = """
CREATE FUNCTION trades_version_follows_on() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before timestamptz;
BEGIN
    SELECT recorded_at INTO before FROM trades_version
    WHERE trade_id = NEW.trade_id AND version = NEW.version - 1;
    IF NEW.version < 1 OR before IS NULL THEN
        RAISE EXCEPTION 'version % of trade % has no version before it', NEW.version, NEW.trade_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_version_follows_on';
    END IF;
    IF NEW.recorded_at <= before THEN
        RAISE EXCEPTION 'version % of trade % was not recorded after the version before it', NEW.version, NEW.trade_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_version_follows_on';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER follows_on AFTER INSERT ON trades_version
    FOR EACH ROW WHEN (NEW.version <> 1) EXECUTE FUNCTION trades_version_follows_on();
"""
UNDO = """
DROP TRIGGER follows_on ON trades_version;
DROP FUNCTION trades_version_follows_on();
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0030_changes")]
    operations = [migrations.RunSQL(RULES, UNDO)]

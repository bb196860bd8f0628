"""A trade may be a part of a block: the parts of an allocated block make it exactly, at any concurrency.

Two rules are looked at when a transaction commits. Whoever adds a part, cancels one or changes what one amounts to has
changed the block's own state in the same transaction, and so holds its row; and whenever an allocated block's state was
changed, the parts that are not cancelled are added up. So the sums are made once, however many parts change.
"""

from django.db import migrations, models

RULES = """
-- What is divided between the parts of a block, in one order; null where a product has no such amount.
CREATE FUNCTION trades_divided(v trades_version) RETURNS numeric[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY[v.quantity, v.gross_amount, v.net_amount, v.contra_amount,
                 (v.terms->'far'->>'bought_amount')::numeric, (v.terms->'far'->>'sold_amount')::numeric,
                 (v.terms->>'stated_accrued')::numeric]
$$;

-- What all parts say as the block does.
CREATE FUNCTION trades_inherited(v trades_version) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY[v.source, v.product, v.side, v.instrument_ref, v.currency, v.contra_currency]
$$;

-- The fees of versions, summed by type and currency.
CREATE FUNCTION trades_fee_sums(fees jsonb[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(kind, total), '{}') FROM (
        SELECT (fee->>'type') || ' ' || (fee->>'currency') AS kind, sum((fee->>'amount')::numeric) AS total
        FROM unnest(fees) AS each(list), jsonb_array_elements(list) AS fee GROUP BY 1
    ) AS sums
$$;

CREATE FUNCTION trades_parts_make_the_block() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    block record;
    parts record;
BEGIN
    SELECT s.state, trades_divided(v) AS amounts, trades_inherited(v) AS inherited,
           trades_fee_sums(ARRAY[v.fees]) AS fees INTO block
    FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
    WHERE s.trade_id = NEW.trade_id;
    SELECT count(*) AS count, bool_and(trades_inherited(v) = block.inherited) AS alike,
           ARRAY[sum((d.amounts)[1]), sum((d.amounts)[2]), sum((d.amounts)[3]), sum((d.amounts)[4]),
                 sum((d.amounts)[5]), sum((d.amounts)[6]), sum((d.amounts)[7])] AS amounts,
           trades_fee_sums(array_agg(v.fees)) AS fees INTO parts
    FROM trades_state s JOIN trades_version v ON v.trade_id = s.trade_id AND v.version = s.version
    CROSS JOIN LATERAL (SELECT trades_divided(v) AS amounts) AS d
    WHERE s.block_id = NEW.trade_id AND s.state <> 8;
    IF block.state <> 9 THEN
        IF parts.count > 0 THEN
            RAISE EXCEPTION 'the trade % is not allocated, and has parts', NEW.trade_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_parts_make_the_block';
        END IF;
    ELSIF parts.count NOT BETWEEN 1 AND 1000 OR NOT parts.alike OR parts.amounts <> block.amounts
        OR parts.fees <> block.fees
    THEN
        RAISE EXCEPTION 'the parts of the trade % do not make it: % is not %', NEW.trade_id,
            parts.amounts::text || parts.fees::text, block.amounts::text || block.fees::text
            USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_parts_make_the_block';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER parts_make_the_block AFTER UPDATE ON trades_state DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 9 OR OLD.state = 9) EXECUTE FUNCTION trades_parts_make_the_block();
CREATE CONSTRAINT TRIGGER parts_make_a_new_block AFTER INSERT ON trades_state DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 9) EXECUTE FUNCTION trades_parts_make_the_block();

CREATE FUNCTION trades_part_of_a_changed_block() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.state = 8) = (OLD.state = 8) AND (
        SELECT count(DISTINCT (trades_divided(v), trades_inherited(v), trades_fee_sums(ARRAY[v.fees])))
        FROM trades_version v WHERE v.trade_id = NEW.trade_id AND v.version IN (OLD.version, NEW.version)
    ) = 1 THEN
        RETURN NULL;
    END IF;
    IF NOT EXISTS (
        SELECT FROM trades_state b
        WHERE b.trade_id = NEW.block_id AND b.changed_xid = pg_current_xact_id()::text::bigint
          AND (b.state = 9 OR EXISTS (SELECT FROM trades_state p WHERE p.trade_id = NEW.trade_id AND p.state = 8))
    ) THEN
        RAISE EXCEPTION 'the trade % is a part of %, which does not change with it', NEW.trade_id, NEW.block_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'trades_part_of_a_changed_block';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER part_added AFTER INSERT ON trades_state DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.block_id IS NOT NULL) EXECUTE FUNCTION trades_part_of_a_changed_block();
CREATE CONSTRAINT TRIGGER part_changed AFTER UPDATE ON trades_state DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.block_id IS NOT NULL
                       AND (NEW.version <> OLD.version OR (NEW.state = 8) <> (OLD.state = 8)))
    EXECUTE FUNCTION trades_part_of_a_changed_block();

-- A trade comes as a part, or never is one.
CREATE TRIGGER part_for_ever BEFORE UPDATE OF block_id ON trades_state
    FOR EACH ROW WHEN (NEW.block_id IS DISTINCT FROM OLD.block_id) EXECUTE FUNCTION core_refuse_change();
"""
UNDO = """
DROP TRIGGER part_for_ever ON trades_state;
DROP TRIGGER part_changed ON trades_state;
DROP TRIGGER part_added ON trades_state;
DROP TRIGGER parts_make_a_new_block ON trades_state;
DROP TRIGGER parts_make_the_block ON trades_state;
DROP FUNCTION trades_part_of_a_changed_block();
DROP FUNCTION trades_parts_make_the_block();
DROP FUNCTION trades_fee_sums(jsonb[]);
DROP FUNCTION trades_inherited(trades_version);
DROP FUNCTION trades_divided(trades_version);
"""


class Migration(migrations.Migration):
    dependencies = [("trades", "0060_exceptions_by_trade")]
    operations = [
        migrations.AddField(
            model_name="tradestate", name="block_id", field=models.BigIntegerField(null=True)
        ),
        migrations.AddIndex(
            model_name="tradestate",
            index=models.Index(
                condition=models.Q(("block_id__isnull", False)),
                fields=["block_id", "trade_id"],
                name="trades_state_block",
            ),
        ),
        migrations.AddConstraint(
            model_name="tradestate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("block_id__isnull", True),
                    models.Q(
                        ("block_id__lt", models.F("trade_id")), models.Q(("state", 9), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="trades_state_part",
            ),
        ),
        migrations.AlterField(
            model_name="changepolicy",
            name="kind",
            field=models.TextField(
                choices=[
                    ("AMEND", "amendments"),
                    ("CANCEL", "cancellations"),
                    ("ALLOCATE", "allocations"),
                    ("ANY", "every change"),
                ],
                default="ANY",
            ),
        ),
        migrations.RunSQL(RULES, UNDO),
    ]

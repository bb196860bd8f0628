"""The orders of the batch with a line whose price differs from the list: one row each, the line that is furthest."""

DISCOUNT = "coalesce(max_discount, {discount})"  # what a customer may have


def line_rows(wrong: str) -> str:
    """Return the rows of a check over lines of orders for which `wrong` holds."""
    return f"""
        SELECT DISTINCT ON (trade_id) trade_id, 'lines ' || sku AS subject, trim_scale(list_price)::text AS expected,
               trim_scale(unit_price)::text AS actual
        FROM order_lines WHERE list_price > 0 AND {wrong}
        ORDER BY trade_id, abs(unit_price / list_price - 1) DESC, sku
    """

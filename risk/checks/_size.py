"""How far the size of a trade lies from what its trader, or else its book, has dealt in lately.

The trader's own history goes before the book's as soon as it is long enough. Sizes scatter by factors, so distances
are counted in standard deviations of their logarithms. A history of one size only would make every other a wonder:
the deviation counts as at least the smallest one.
"""

_OWN = "b.trader_trades >= {trades}"
_MEAN = f"CASE WHEN {_OWN} THEN b.trader_size WHEN b.book_trades >= {{trades}} THEN b.book_size END"
_SPREAD = f"greatest(CASE WHEN {_OWN} THEN b.trader_spread ELSE b.book_spread END, {{least_deviation}})"

HISTORY = {"trades": "50", "least_deviation": "0.25"}  # the parameters that the fragments below use
HISTORY_MEANINGS = {
    "trades": "how many deals of the product a trader, else the book, must have had before any size is unusual",
    "least_deviation": "the least deviation that is counted with: who always deals in one size may deal in others",
}
# A figure rests on the latest 2,000 deals: nobody ever has more.
HISTORY_BOUNDS = {"trades": ("2", "2000"), "least_deviation": ("0.01", "10")}
DEVIATIONS = ("0", "20")  # between which a number of deviations may be set
WHOSE = f"CASE WHEN {_OWN} THEN 'trader ' || b.trader ELSE 'book ' || b.book_code END"


def deviations(amount: str) -> str:
    """Return SQL of how many deviations an amount in base currency lies from the usual; null: none is known."""
    log = "b.size_log" if amount == "b.base_amount" else f"ln(({amount})::float8)"
    known = f"({_MEAN}) IS NOT NULL AND {amount} > 0"  # asked first: a logarithm costs more
    return f"(CASE WHEN {known} THEN ({log} - ({_MEAN})::float8) / ({_SPREAD})::float8 END)"


def usual_up_to(number: str) -> str:
    """Return SQL of the amount that lies a number of deviations above the usual, in base currency."""
    return f"round(exp(({_MEAN}) + {number} * ({_SPREAD})), 2)"

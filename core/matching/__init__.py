"""The matching engine: two sides of records, by levels of keys and tolerances; no business words, no database.

    outcome = match(
        ours={"id": [1, 2], "isin": ["A", "B"], "quantity": [Decimal(5), Decimal(7)]},
        theirs={"id": ["x", "y"], "isin": ["A", "B"], "quantity": [Decimal(5), Decimal("7.2")]},
        rules=Rules(levels=(Level(keys=("isin",), tolerances={"quantity": Absolute(Decimal("0.1"))}),)),
    )
    list(outcome.pairs)          1 with x
    outcome.near_ours[2]         y, and why not: quantity: ours is 7, theirs 7.2; the tolerance is 0.1.

**Levels** are tried in order; each takes of what the earlier ones left. Of a level, `keys` must be present and
equal, `tolerances` must hold, and `compared` fields may differ: their differences are told with the pair. So a
level with a reference as its key and all terms compared finds who belongs together and lists what they disagree on,
and a later level with looser keys and tight tolerances finds who belongs together without a reference.

**Cardinality.** One to one: where a key comes more than once, equal records pair first, by their ids, then the pair
of the fewest and least differences; the ids decide between equals. One to many (or many to one): the largest record
first, against all the parts of its key, or else the fewest of the first 24 that add up, up to six. Many to many:
all of a key on both sides, by their sums.

**The same in every order, and bounded.** Rows are taken in the order of their ids, and nothing depends on how they
arrived. A record of a key that comes very often is compared with its neighbours in the first number or date, 64 in
a round, never with all.

**Why plain dictionaries.** A level is one join over a dictionary of key values, and loops that run inside the
interpreter's own functions: a million against a million takes less than twice a data frame's merge (`make bench`).
Decimals and dates stay what they are; arrays would need them as floats or as text.
"""

from core.matching.engine import Columns, match
from core.matching.outcome import Difference, Group, NearMiss, Outcome, Pair, Pairs, Reason
from core.matching.rules import Cardinality, Level, Rules
from core.matching.tolerances import (
    Absolute,
    BusinessDays,
    Days,
    Exact,
    Relative,
    Similar,
    Text,
    normalised,
    similarity,
)

__all__ = [
    "Absolute",
    "BusinessDays",
    "Cardinality",
    "Columns",
    "Days",
    "Difference",
    "Exact",
    "Group",
    "Level",
    "NearMiss",
    "Outcome",
    "Pair",
    "Pairs",
    "Reason",
    "Relative",
    "Rules",
    "Similar",
    "Text",
    "match",
    "normalised",
    "similarity",
]

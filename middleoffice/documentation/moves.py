"""The page that says of every unfinished record whose move it is."""

from __future__ import annotations

from middleoffice.documentation.markdown import page, sentence, table
from settlement.moves.base import Mover
from settlement.moves.table import POPULATIONS
from settlement.open_records import MOST


def moves() -> str:
    """Return the page of the table of moves."""
    return page(
        "Whose move it is",
        "settlement/moves/",
        "Every record that is not finished has exactly one answer to the question who must act: of the rows of its"
        " population, in their order, the first whose condition holds, the last taking all that is left. The screen"
        " Settlement, a trade's and a batch's own pages and `GET /api/v1/open-records` all ask this table. Each answer"
        " says since when, and names what shows it: an event, a report, a claim, a proposal, a work item or a batch.",
        "A trade that is sealed is answered for by its instructions, and by its legs of later dates. An instruction"
        " that was rejected is answered for by its trade, which is held; one that a change has recalled by the"
        " instruction that cancels it; a fail by the instruction that failed.",
        f"Counts stop at {MOST:,} records of a row, and say so.",
        "## Who may have a move",
        ", ".join(f"`{each.name}` ({each.value})" for each in Mover) + ".",
        *(
            text
            for population in POPULATIONS
            for text in (
                f"## {sentence(population.title)}",
                table(
                    ["row", "when", "whose move", "what comes next"],
                    [
                        [f"`{rule.code}`", rule.title, f"`{rule.mover.name}`", rule.next]
                        for rule in population.rules
                    ],
                ),
            )
        ),
    )

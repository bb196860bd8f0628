"""A short tour of the console: a step is a sentence on a page. It covers nothing, and can be left and taken again."""

from __future__ import annotations

from dataclasses import dataclass

from ops.permissions import Right

INVITED, LEFT = "new", "left"


@dataclass(frozen=True)
class Step:
    """What the tour says on a page, by the name of its address, and the right that the page asks."""

    code: str
    page: str
    right: Right
    title: str
    text: str


STEPS = (
    Step(
        "today",
        "today",
        Right.READ_TRADES,
        "Begin with Today",
        "The next cut-offs with what is still open against each stand here, beside what is urgent and what is stuck.",
    ),
    Step(
        "find",
        "blotter",
        Right.READ_TRADES,
        "Find any trade",
        "Narrow the blotter with its filters; the address keeps them. Ctrl K goes to a page or a reference.",
    ),
    Step(
        "work",
        "exceptions",
        Right.READ_EXCEPTIONS,
        "Work what is held",
        "Take the next exception: it says why the trade is held, what was expected, and what would put it right.",
    ),
    Step(
        "approve",
        "approvals",
        Right.READ_APPROVALS,
        "Decide with a second person",
        "Changes that need two people wait here. Nobody approves what they proposed, and no key does it by accident.",
    ),
    Step(
        "settle",
        "settlement",
        Right.READ_BATCHES,
        "See whose move it is",
        "Everything that is not finished stands here by who must act, with its age and its money.",
    ),
    Step(
        "help",
        "today",
        Right.READ_TRADES,
        "Ask what a word means",
        "The question mark explains the words of a page and its keys. The menu under your name has this tour.",
    ),
)


@dataclass(frozen=True)
class Place:
    """Where somebody is in the tour: the step, its number among those they may take, and those before and after."""

    step: Step
    number: int
    count: int
    before: Step | None
    after: Step | None


def first(rights: dict[str, bool]) -> Step | None:
    """Return the first step of somebody with some rights, by their lower-case names; None for nobody."""
    return next(iter(_open(rights)), None)


def place(code: str, *, screen: str, rights: dict[str, bool]) -> Place | None:
    """Return where a choice has brought somebody.

    None when they are not on the tour or may not take that step, and on every page but the step's, where it rests.
    """
    steps = _open(rights)
    at = next((n for n, step in enumerate(steps) if step.code == code), None)
    if at is None or steps[at].page != screen:
        return None
    before, after = steps[at - 1] if at else None, steps[at + 1] if at + 1 < len(steps) else None
    return Place(steps[at], at + 1, len(steps), before, after)


def _open(rights: dict[str, bool]) -> list[Step]:
    return [step for step in STEPS if rights[step.right.name.lower()]]

"""The page that shows the console: each page with its picture, what it is for, its words and its keys."""

from __future__ import annotations

from middleoffice.documentation.markdown import page, table
from ops.help import PAGES, WORDS
from ops.shell import DESTINATIONS, SCREEN_KEYS
from ops.tour import STEPS

PICTURES = "images/console"


def console() -> str:
    """Return the page of the console."""
    return page(
        "The console, page by page",
        "ops/help.py",
        "The same words stand in the console under `?`, each page's beside its keys. The pictures are taken of the"
        " demo by `PICTURES=1 .venv/bin/python -m pytest tests/browser/test_pictures.py`.",
        "A short tour invites whoever is new: "
        + "; ".join(step.title.lower() for step in STEPS)
        + ". It is under"
        " *Take the tour* in the menu under one's name whenever it is wanted again.",
        "`Ctrl K` goes to a page, a record or an action from anywhere; `/` searches by reference; `?` explains the"
        " page. Single keys rest while one types, and can be switched off in the menu under one's name. None of them"
        " commits a release, an approval or a cancellation.",
        *(block for name in PAGES for block in _one(name)),
        "## All words",
        table(["word", "what it means"], [[word, WORDS[word]] for word in sorted(WORDS, key=str.lower)]),
    )


def title_of(name: str) -> str:
    """Return what a page is called: as in the navigation, or as the record that it shows."""
    titles = {each.name: each.title for each in DESTINATIONS}
    return titles.get(name) or f"One {name}"


def _one(name: str) -> list[str]:
    shown, title = PAGES[name], title_of(name)
    going = [[f"`g` `{each.key}`", f"Go to {each.title}"] for each in DESTINATIONS if each.name == name]
    keys = [[" ".join(f"`{key}`" for key in keys.split()), what] for keys, what in SCREEN_KEYS.get(name, ())]
    return [
        f"## {title}",
        shown.purpose,
        f"![{title}](../{PICTURES}/{name}.png)",
        "Its words: " + ", ".join(f"*{word}*" for word in shown.words) + ".",
        table(["key", "what it does"], [*going, *keys]) if going or keys else "",
        "More: " + ", ".join(f"[{each}](../{each})" for each in shown.docs) + "." if shown.docs else "",
    ]

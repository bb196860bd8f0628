"""A page of all formats of a batch and a page of each."""

from __future__ import annotations

from middleoffice.documentation.markdown import page, sentence, table
from settlement.formats import FORMATS
from settlement.formats.base import Format


def all_formats() -> str:
    """Return the page that lists all formats."""
    rows = [
        [f"[{code}]({code}.md)", each.title, each.standard, f"`{each.media_type}`"]
        for code, each in FORMATS.items()
    ]
    return page(
        "Formats of a batch",
        "settlement/formats/",
        "`GET /api/v1/settlement-batches/{reference}/instructions` gives a batch in any of these, asked for by"
        " `format=` or by the media type in `Accept`. Without either it gives pages of JSON, whose items are the"
        " canonical lines.",
        table(["`format=`", "title", "standard", "media type"], rows),
        "Every format is written from the sealed lines and from versions of trades, none of which ever changes: it is"
        " the same bytes at each pull, under an `ETag` of its own. It is streamed, and memory stays flat at any size."
        " The control totals of what it carries are those of the same lines in every other format.",
        "## What a format cannot carry",
        "A format that has no words for a line does not leave it out silently. The answer is a problem (422,"
        " `lines-not-carried`) with an error for each such line: its pointer is `/lines/` and the number of the line,"
        " its code one of the format's page. Of more than a hundred the first hundred are named and all are counted."
        " With `lines=carried` the file comes without them, and the rest must be taken in another format: `csv` and"
        " `ndjson` carry every line. A batch of which a format can carry nothing at all is always such a problem"
        " (`nothing-carried`).",
        "How to add one: [architecture](../../architecture.md#how-to-add).",
    )


def one_format(format: Format) -> str:
    """Return the page of a format."""
    facts = [
        ["standard", format.standard],
        ["`format=`", f"`{format.code}`"],
        ["media type", f"`{format.media_type}`"],
        ["file extension", f"`{format.extension}`"],
        ["a range of its bytes", "yes: `Range: bytes=`" if format.lines is None else "no"],
    ]
    refusals = [[f"`{each.code}`", f"{sentence(each.why)}."] for each in format.refusals]
    return page(
        f"{format.title} ({format.code})",
        "settlement/formats/",
        format.description,
        table(["", ""], facts),
        "## Where things stand",
        table(["in the format", "from the line"], format.fields),
        "## What it cannot carry",
        table(["code", "why"], refusals) if refusals else "It carries every line.",
        "[All formats](README.md)",
    )

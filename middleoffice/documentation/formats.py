"""A page of all formats of a batch, a page of each, and one of the messages that come back."""

from __future__ import annotations

from core.xml import MAX_DEPTH
from middleoffice.documentation.markdown import page, sentence, table
from settlement.api.messages import MESSAGES
from settlement.formats import FORMATS
from settlement.formats.base import Format
from settlement.services.report import MAX_ITEMS
from settlement.services.standing import CANCELLATION, MATCHING, SETTLEMENT


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


def status_messages() -> str:
    """Return the page of the messages in which a back office may report."""
    ways = [
        ["settlement", _way(SETTLEMENT)],
        ["matching", _way(MATCHING)],
        ["cancellation", _way(CANCELLATION)],
    ]
    return page(
        "Status messages",
        "settlement/api/messages/",
        "`POST /api/v1/settlement-status-reports` takes what became of instructions as JSON, or as XML: one of these"
        " messages of ISO 20022 in any version, or several in one element around them. An instruction is named by the"
        " id it was sent under. Each status and each reason is an item of the answer. Reasons are kept as they come.",
        f"At most {MAX_ITEMS:,} statuses and reasons, {MAX_DEPTH} elements deep, in UTF-8, without a document type. A"
        " message with a fault is refused whole, and every fault is named by where it stands.",
        "## Axes",
        "An instruction stands on each axis by itself, and only goes forward: what is further along wins, whichever was"
        " told last. So messages may come in any order and again. Whether it was accepted stands beside these, by the"
        " acknowledgement of its batch.",
        table(["axis", "from left to right"], ways),
        "PENDING of the settlement is kept and moves nothing. FAILED opens an exception on the trades behind the"
        " instruction, and so does a completed cancellation that nobody asked for; SETTLED closes it.",
        *(
            text
            for message in MESSAGES.values()
            for text in (
                f"## {message.title} ({message.code})",
                table(["in the message", "means"], message.statuses),
            )
        ),
    )


def _way(values: tuple[str, ...]) -> str:
    return ", ".join(each or "nothing said" for each in values)

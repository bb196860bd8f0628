"""The icons: strokes on a grid of 16, inline so that they take the colour of their text."""

# ruff: noqa: E501 - a path is one string

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

_STROKES = {
    "today": "M2.5 7.5 8 2.5l5.5 5M4 6.5v7h8v-7M6.5 13.5v-4h3v4",
    "blotter": "M2.5 3.5h11M2.5 8h11M2.5 12.5h11M5.5 3.5v9",
    "exceptions": "M8 2 14.5 13.5h-13ZM8 6.5v3M8 11.4v.2",
    "approvals": "M5.7 7.2a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2ZM1.5 13.5c0-2.6 1.8-4 4.2-4 1 0 1.9.3 2.6.8M9.5 11.5l1.7 1.8 3.3-4",
    "batches": "M2.5 5 8 2l5.5 3v6L8 14l-5.5-3ZM2.5 5 8 8l5.5-3M8 8v6",
    "settlement": "M2.5 5.5h9M8.8 2.8l2.7 2.7-2.7 2.7M13.5 10.5h-9M7.2 7.8l-2.7 2.7 2.7 2.7",
    "limits": "M2 12a6 6 0 1 1 12 0M8 12l2.8-4.2",
    "checks": "M2.5 4 4 5.5 6.5 2.8M8.5 4.2h5M2.5 9 4 10.5l2.5-2.7M8.5 9.2h5M3 13.7h2.5M8.5 13.7h5",
    "positions": "M2.5 13.5h11M4 13.5v-4M8 13.5V3M12 13.5V7",
    "profit": "M2.5 2.5v11h11M5 10.5l2.5-3 2.2 1.8L13.5 4.5M10.8 4.5h2.7v2.7",
    "journal": "M3 2.5h9.5v11H3ZM5.5 2.5v11M7.5 6h3M7.5 9h3",
    "corporate_actions": "M3 13.5V2.5h7v11M10 6.5h3v7M2 13.5h12M5.5 5.5h2M5.5 8h2M5.5 10.5h2",
    "explore": "M2.5 2.5h11v11h-11ZM2.5 6h11M6 2.5v11M8.2 11.2l1.6-2.4 1.2 1.2 1-1.8",
    "fees": "M4 2h8v12l-2-1.4L8 14l-2-1.4L4 14ZM6.5 5.5h3M6.5 8h3",
    "invoices": "M3.5 1.8h9v12.4h-9ZM5.8 5h4.4M5.8 7.5h4.4M5.8 10h2M9.6 10h.6",
    "confirmations": "M2.5 3h11v8h-6l-3 2.7V11h-2ZM5.3 7l1.8 1.8L10.7 5.2",
    "reconciliations": "M2.5 2.5H7v11H2.5zM9 2.5h4.5v11H9zM4 6h1.5M10.5 6H12M4 9h1.5M10.5 9H12",
    "reference": "M2.5 4c0-2 11-2 11 0v8c0 2-11 2-11 0ZM2.5 4c0 2 11 2 11 0M2.5 8c0 2 11 2 11 0",
    "ssis": "M2 6.5 8 2.5l6 4ZM3.5 6.5v5.5M6.5 6.5v5.5M9.5 6.5v5.5M12.5 6.5v5.5M2 13.5h12",
    "people": "M5.7 7.2a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2ZM1.5 13.5c0-2.6 1.8-4 4.2-4s4.2 1.4 4.2 4M10.3 2.3a2.6 2.6 0 0 1 0 4.7M11.5 9.7c1.8.4 3 1.7 3 3.8",
    "integrations": "M5.5 2v3.5M10.5 2v3.5M3.5 5.5h9v2.7a4.5 4.5 0 0 1-9 0ZM8 12.7V14.5",
    "audit": "M8 1.8 13.5 4v4c0 3.2-2.2 5.3-5.5 6.2C4.7 13.3 2.5 11.2 2.5 8V4ZM5.5 8l1.8 1.8 3.2-3.6",
    "search": "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.3 10.3l3.4 3.4",
    "collapse": "M2.5 2.5h11v11h-11ZM6.5 2.5v11M11 6.2 9.2 8l1.8 1.8",
    "bell": "M4 11.5V7a4 4 0 0 1 8 0v4.5l1 1H3ZM6.7 14.2a1.5 1.5 0 0 0 2.6 0",
    "user": "M8 7.5a2.8 2.8 0 1 0 0-5.5 2.8 2.8 0 0 0 0 5.5ZM2.8 14c.3-2.7 2.3-4.2 5.2-4.2s4.9 1.5 5.2 4.2",
    "clock": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 4.8V8l2.3 1.5",
    "calendars": "M2.5 4h11v9.5h-11ZM2.5 7h11M5.3 2.3v3M10.7 2.3v3M5 9.5h2M9 9.5h2M5 11.5h2",
    "calendar": "M2.5 4h11v9.5h-11ZM2.5 7h11M5.3 2.3v3M10.7 2.3v3",
    "inbox": "M2.5 9.5 4.2 3h7.6l1.7 6.5v4h-11ZM2.5 9.5h3.2l1 1.7h2.6l1-1.7h3.2",
    "check": "M3 8.5 6.5 12 13 4.5",
    "check-circle": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM5.3 8.2l1.9 1.9 3.5-4",
    "alert": "M8 2 14.5 13.5h-13ZM8 6.5v3M8 11.4v.2",
    "stop": "M5.4 2h5.2L14 5.4v5.2L10.6 14H5.4L2 10.6V5.4ZM8 5v3.6M8 10.8v.2",
    "send": "M14 2 7.2 8.8M14 2 9.7 14 7.2 8.8 2 6.3Z",
    "document": "M4 2h5l3 3v9H4ZM9 2v3h3M6 8.5h4M6 11h4",
    "receipt": "M1.8 8.6 4.6 11.4 9.8 5M8.3 10.9l.7.6L14.2 5",
    "cancel": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4",
    "lock": "M3.5 7.2h9v6.3h-9ZM5.3 7.2V5a2.7 2.7 0 0 1 5.4 0v2.2",
    "info": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 7.3v3.5M8 5v.2",
    "two-people": "M5.7 7.2a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2ZM1.5 13.5c0-2.6 1.8-4 4.2-4s4.2 1.4 4.2 4M10.3 2.3a2.6 2.6 0 0 1 0 4.7M11.5 9.7c1.8.4 3 1.7 3 3.8",
    "edit": "M2.5 13.5l.7-3 7.6-7.6 2.3 2.3-7.6 7.6ZM9.3 4.4l2.3 2.3",
    "comment": "M2.5 3h11v8H7l-3 2.7V11H2.5Z",
    "arrow": "M3 8h10M9.3 4.2 13 8l-3.7 3.8",
    "back": "M13 8H3M6.7 4.2 3 8l3.7 3.8",
    "divide": "M8 2v4M8 6 3.5 10M8 6l4.5 4M3.5 10v3.5M12.5 10v3.5M8 6v7.5",
    "partial": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 2v12M8 5l5 .2M8 8h6M8 11l5-.2",
    "help": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM6.2 6.3c.2-2.4 3.8-2.2 3.7 0-.1 1.4-1.9 1.4-1.9 3M8 11.2v.2",
    "sun": "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M3.4 12.6l1.1-1.1M11.5 4.5l1.1-1.1",
    "clear": "M4 4l8 8M12 4l-8 8",
    "dot": "M8 9.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Z",
}


def icon(name: str) -> SafeString:
    """Return an icon as decoration: it is hidden from readers of the screen, words stand beside it."""
    return format_html(
        '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">'
        '<path d="{}"/></svg>',
        mark_safe(_STROKES[name]),  # noqa: S308 - our own constant
    )

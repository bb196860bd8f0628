"""The pages and parts of docs/ that are made from the code's own declarations, so that they cannot go stale.

`manage.py write_docs` writes them, and a test compares them with what stands in docs/. Whole pages come from
`pages()`; parts of pages that people write stand between `<!-- made from the code: NAME -->` and
`<!-- end of NAME -->`, and come from `parts()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from middleoffice.documentation.access import permissions, roles
from middleoffice.documentation.api import operations
from middleoffice.documentation.checks import all_checks, one_check
from middleoffice.documentation.console import console
from middleoffice.documentation.formats import all_formats, one_format, status_messages
from middleoffice.documentation.installation import commands, environment
from middleoffice.documentation.markdown import fenced
from middleoffice.documentation.moves import moves
from middleoffice.documentation.places import DOCS, MADE_FOLDERS, ROOT, SCHEMA
from middleoffice.documentation.products import all_products, one_product
from middleoffice.documentation.records import lifecycle, measures, reference_data
from risk.checks import CHECKS
from settlement.formats import FORMATS
from trades.lifecycle import diagram
from trades.products import PRODUCTS

__all__ = ["DOCS", "MADE_FOLDERS", "ROOT", "SCHEMA", "pages", "parts", "with_parts"]

_BEGIN, _END = "<!-- made from the code: {name} -->", "<!-- end of {name} -->"


def pages() -> dict[str, str]:
    """Return every page that is made as a whole: its path under docs/ and its text."""
    made = {
        "reference/checks/README.md": all_checks(),
        "reference/products/README.md": all_products(),
        "reference/formats/README.md": all_formats(),
        "reference/status-messages.md": status_messages(),
        "reference/lifecycle.md": lifecycle(),
        "reference/measures.md": measures(),
        "reference/moves.md": moves(),
        "reference/reference-data.md": reference_data(),
        "reference/environment.md": environment(),
        "reference/commands.md": commands(),
        "reference/roles-and-scopes.md": roles(),
        "reference/permissions.md": permissions(),
        "reference/console.md": console(),
    }
    made.update({f"reference/checks/{code.lower()}.md": one_check(each) for code, each in CHECKS.items()})
    made.update(
        {f"reference/products/{code.lower()}.md": one_product(each) for code, each in PRODUCTS.items()}
    )
    made.update({f"reference/formats/{code}.md": one_format(each) for code, each in FORMATS.items()})
    return made


def parts(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return every part by its name. schema: the API's description, as openapi.json has it."""
    return {"state diagram": fenced("mermaid", diagram()), "API operations": operations(schema)}


def with_parts(text: str, made: Mapping[str, str]) -> str:
    """Return a page with the parts between its markers made anew; ValueError when a part has no end."""
    for name, part in made.items():
        before, found, rest = text.partition(_BEGIN.format(name=name))
        if found:
            _, end, after = rest.partition(_END.format(name=name))
            if not end:
                raise ValueError(f"{name} begins in a page and does not end")
            text = f"{before}{found}\n{part}\n{end}{after}"
    return text

"""Where the documentation stands in the checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
SCHEMA = DOCS / "reference" / "openapi.json"
MADE_FOLDERS = ("reference/checks", "reference/formats", "reference/products")  # everything in them is made

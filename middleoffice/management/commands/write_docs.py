"""Write the pages of docs/ that are made from the code."""

from __future__ import annotations

import json
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from middleoffice.documentation import DOCS, MADE_FOLDERS, SCHEMA, pages, parts, with_parts


class Command(BaseCommand):
    help = "Write the generated pages of docs/ and the API's description, from the declarations in the code."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Write what changed, remove what is no longer declared."""
        call_command("spectacular", "--format", "openapi-json", "--fail-on-warn", "--file", str(SCHEMA))
        made = {DOCS / path: text for path, text in pages().items()}
        fresh = parts(json.loads(SCHEMA.read_text()))
        for path in sorted(DOCS.rglob("*.md")):
            if path not in made:
                made[path] = with_parts(path.read_text(), fresh)
        for path, text in made.items():
            if not path.exists() or path.read_text() != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
                self.stdout.write(f"wrote {path.relative_to(DOCS.parent)}")
        for folder in MADE_FOLDERS:
            for path in set((DOCS / folder).glob("*")) - made.keys():
                path.unlink()
                self.stdout.write(f"removed {path.relative_to(DOCS.parent)}")

"""Bring the catalogues of locale/ up to date with what the console says."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from middleoffice.documentation.places import ROOT
from middleoffice.wording import LANGUAGES, bring_up_to_date, catalogue_path, faults_of


class Command(BaseCommand):
    help = "Bring the catalogues of locale/ up to date with what the console says, and tell what they lack."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Write each language's catalogue and what is made of it; name what is not translated."""
        for language in LANGUAGES:
            po, mo = bring_up_to_date(language)
            for kind, written in (("po", po), ("mo", mo)):
                path = catalogue_path(language, kind)
                if not path.exists() or path.read_bytes() != written:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(written)
                    self.stdout.write(f"wrote {path.relative_to(ROOT)}")
            for fault in faults_of(language):
                self.stdout.write(fault)

"""What the console says, gathered from where it is said, and the catalogues that say it in other languages (ADR 0082).

`manage.py write_wording` brings locale/ up to date; a test compares what stands there.
"""

from __future__ import annotations

from middleoffice.wording.catalogue import LANGUAGES, bring_up_to_date, catalogue_path, faults_of, read

__all__ = ["LANGUAGES", "bring_up_to_date", "catalogue_path", "faults_of", "read"]

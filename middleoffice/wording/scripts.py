"""The texts that the console's scripts say: `say("...")` in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from middleoffice.documentation.places import ROOT

_SAID = re.compile(r'\bsay\("((?:[^"\\]|\\.)+)"')


def texts() -> Iterator[str]:
    """Yield every text of the scripts, its parts as `{name}`."""
    for path in sorted((ROOT / "ops" / "static" / "ops").glob("*.js")):
        yield from _SAID.findall(path.read_text())

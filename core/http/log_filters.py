"""What no line of the log tells: the secrets that stand in addresses."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

# A one-time link is its own authority: who reads it in a log could answer in the counterparty's place.
_SECRETS = re.compile(r"(/confirm/)[^/?\s\"']+")
_SHOWN = r"\1…"


class WithoutSecrets(logging.Filter):
    """Take the secrets of addresses out of each record, whoever has logged it; none is held back."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str):
            record.msg = _SECRETS.sub(_SHOWN, record.msg)
        if isinstance(record.args, Mapping):
            record.args = {name: _clean(each) for name, each in record.args.items()}
        elif record.args:
            record.args = tuple(_clean(each) for each in record.args)
        return True


def _clean(value: object) -> object:
    return _SECRETS.sub(_SHOWN, value) if isinstance(value, str) else value

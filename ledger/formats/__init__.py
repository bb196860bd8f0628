"""How a statement or list may be written: one file a format, found by a registry."""

from core.registry import Registry
from ledger.formats.base import StatementFormat

FORMATS: Registry[StatementFormat] = Registry("ledger.formats", StatementFormat)

"""The formats of a batch, one file each."""

from core.registry import Registry
from settlement.formats.base import Format

FORMATS: Registry[Format] = Registry("settlement.formats", Format)

"""What can be reconciled: one file a kind, found by a registry."""

from core.registry import Registry
from ledger.kinds.base import Kind

KINDS: Registry[Kind] = Registry("ledger.kinds", Kind)

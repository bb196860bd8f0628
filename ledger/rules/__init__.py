"""The posting rules, one file each."""

from core.registry import Registry
from ledger.rules.base import Rule

RULES: Registry[Rule] = Registry("ledger.rules", Rule)

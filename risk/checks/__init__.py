"""The checks, one file each."""

from core.registry import Registry
from risk.checks.base import Check

CHECKS: Registry[Check] = Registry("risk.checks", Check)

"""What limits measure, one file each."""

from core.registry import Registry
from risk.measures.base import Measure

MEASURES: Registry[Measure] = Registry("risk.measures", Measure)

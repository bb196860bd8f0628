"""What Explore can pivot: one file a data set, all reached through DATA_SETS."""

from core.registry import Registry
from ops.data_sets.base import DataSet

DATA_SETS = Registry("ops.data_sets", DataSet)

"""The lists of the console: one file each, which declares its columns, its filters and where its rows come from."""

from core.registry import Registry
from ops.lists.base import Listed

LISTS: Registry[Listed] = Registry("ops.lists", Listed)

"""The kinds of notifications: one file each, which declares how it reads and where it leads."""

from core.registry import Registry
from ops.notices.base import Notice

NOTICES: Registry[Notice] = Registry("ops.notices", Notice)

"""The product's settings, with checks that end their process over one deal."""

from middleoffice.settings import *  # noqa: F403
from middleoffice.settings import INSTALLED_APPS as _OURS

INSTALLED_APPS = [*_OURS, "tests.faults.deadly.DeadlyConfig"]

"""Numbers as the code writes them: core/wording.py writes those that people read."""

DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","

"""What people write: reasons, notes, comments."""

from __future__ import annotations

from core.http.problem import Fault

MAX_REASON = 1_000


def text_faults(text: str, *, pointer: str, most: int = MAX_REASON, required: bool = True) -> list[Fault]:
    """Return what is wrong with a text: missing where it is required, too long, or a NUL character in it."""
    if not text.strip():
        return [Fault(pointer, "This is required.", "missing")] if required else []
    if len(text) > most:
        return [Fault(pointer, f"At most {most} characters are allowed.", "length")]
    if "\0" in text:  # PostgreSQL cannot store it
        return [Fault(pointer, "Control characters are not allowed.", "control-character")]
    return []

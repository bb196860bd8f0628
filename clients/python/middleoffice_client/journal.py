"""What a pull has done of each batch, so that whoever comes next goes on there, whatever ended it.

A note is a small file that is replaced as a whole and written through to the disk before the next step is taken.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from middleoffice_client.api import Batch


class Step(StrEnum):
    """How far a batch is. Each is noted once what it says is true; HANDING_OVER before it is."""

    CLAIMED = "claimed"
    VERIFIED = "verified"
    HANDING_OVER = "handing over"
    HANDED_OVER = "handed over"
    ACKNOWLEDGED = "acknowledged"


class Busy(Exception):  # noqa: N818
    """Another pull works in this folder."""


@dataclass(frozen=True)
class Note:
    """One batch and how far it is. `answered`: how many of its lines are acknowledged."""

    batch: Batch
    step: Step
    answered: int = 0


class Journal:
    """The notes of one folder."""

    def __init__(self, folder: Path) -> None:
        self._notes = folder / "journal"
        self._parts = folder / "parts"
        self._lock = folder / "lock"
        for each in (self._notes, self._parts):
            each.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let one pull at a time work in the folder; raise Busy while another does. A crash lets go."""
        with self._lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy("another pull works in this folder") from None
            yield

    def part(self, batch: Batch) -> Path:
        """Return where the bytes of a batch are gathered."""
        return self._parts / f"{batch.id}.ndjson"

    def rejections(self, batch: Batch) -> Path:
        """Return where a command may name the instructions that it rejects."""
        return self._parts / f"{batch.id}.rejections"

    def recalled(self, batch: Batch) -> Path:
        """Return where the instructions stand that must not be done any more, one a line: those that are handed over
        with the batch, also when it is handed over again."""
        return self._parts / f"{batch.id}.recalled"

    def write_recalled(self, batch: Batch, instructions: Iterable[str]) -> None:
        """Keep these in place of those before, for good once this returns."""
        _replace(self.recalled(batch), "".join(f"{each}\n" for each in instructions))

    def read(self, reference: str) -> Note | None:
        """Return the note of a batch, or None."""
        try:
            found = json.loads((self._notes / f"{reference}.json").read_bytes())
        except FileNotFoundError:
            return None
        return Note(Batch(**found["batch"]), Step(found["step"]), found["answered"])

    def unfinished(self) -> list[Note]:
        """Return the notes of batches that are not acknowledged yet, in the order of channel and sequence."""
        found = [self.read(path.stem) for path in self._notes.glob("*.json")]
        left = [each for each in found if each is not None and each.step is not Step.ACKNOWLEDGED]
        return sorted(left, key=lambda each: (each.batch.channel, each.batch.sequence))

    def write(self, note: Note) -> Note:
        """Keep a note in place of the one before, for good once this returns."""
        _replace(self._notes / f"{note.batch.id}.json", json.dumps(asdict(note)))
        return note

    def forget(self, batch: Batch) -> None:
        """Keep nothing of a batch that is not this pull's any more."""
        self.clear(batch)
        (self._notes / f"{batch.id}.json").unlink(missing_ok=True)

    def clear(self, batch: Batch) -> None:
        """Remove what was only needed on the way."""
        for path in (self.part(batch), self.rejections(batch), self.recalled(batch)):
            path.unlink(missing_ok=True)


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    move(draft, path)


def move(source: Path, target: Path) -> None:
    """Give a file another name in one step, for good once this returns."""
    source.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

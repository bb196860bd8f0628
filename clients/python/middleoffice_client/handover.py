"""Where a batch goes once it is verified: a folder, or a command."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from middleoffice_client.api import Batch
from middleoffice_client.journal import move


class NotTaken(Exception):  # noqa: N818
    """The batch was not taken: it is neither acknowledged nor tried again before the next pull."""


class HandOver(Protocol):
    """What takes a batch."""

    def prepare(self, batch: Batch, content: Path, *, recalled: Path) -> None:
        """Make ready for taking the verified bytes of a batch. It may be asked any number of times before `take`."""

    def take(self, batch: Batch, content: Path, *, recalled: Path, rejections: Path, again: bool) -> None:
        """Take the bytes.

        content: stays where it is, and must not be changed. recalled: has a line with the id of each instruction of
        the batch that must not be done any more; the same when it is asked again. rejections: may be written with a
        line for each instruction that is rejected: its id, a space and a reason code. again: it was asked before, and
        nobody knows how far it came. Raise NotTaken when it cannot.
        """


@dataclass(frozen=True)
class Folder:
    """Puts each batch into a folder under a name of its own: whole, or not at all, and never twice, also when the
    file was taken away meanwhile. What of it must not be done any more is there before it, in a file beside it."""

    path: Path

    def name(self, batch: Batch) -> str:
        """Return the name of a batch's file: channel, sequence number and id."""
        return f"{batch.channel}-{batch.sequence:09d}-{batch.id}.ndjson"

    def name_of_recalled(self, batch: Batch) -> str:
        """Return the name of the file of what must not be done, which is there only when there is any."""
        return self.name(batch).removesuffix(".ndjson") + ".recalled"

    def prepare(self, batch: Batch, content: Path, *, recalled: Path) -> None:
        """Copy the files to the folder's own disk, under hidden names."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._copy(content, self._draft(self.name(batch)))
        if recalled.stat().st_size:
            self._copy(recalled, self._draft(self.name_of_recalled(batch)))

    def take(self, batch: Batch, content: Path, *, recalled: Path, rejections: Path, again: bool) -> None:
        """Give the files their names, the batch last. Without the hidden ones they have been given already."""
        if not again and not self._draft(self.name(batch)).exists():
            raise NotTaken(f"{self._draft(self.name(batch))} is gone")
        for name in (self.name_of_recalled(batch), self.name(batch)):
            if self._draft(name).exists():
                move(self._draft(name), self.path / name)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        shutil.copyfile(source, target)
        with target.open("rb+") as file:
            os.fsync(file.fileno())

    def _draft(self, name: str) -> Path:
        return self.path / f".{name}.draft"


@dataclass(frozen=True)
class Command:
    """Runs a command with the path of the file as its last argument; it has taken the batch when it ends with 0.

    Its environment says MIDDLEOFFICE_BATCH, MIDDLEOFFICE_CHANNEL, MIDDLEOFFICE_SEQUENCE, MIDDLEOFFICE_RECALLED and
    MIDDLEOFFICE_REJECTIONS (paths) and MIDDLEOFFICE_AGAIN (1 when it may have taken this batch before: it then must
    look).
    """

    arguments: Sequence[str]

    def prepare(self, batch: Batch, content: Path, *, recalled: Path) -> None:
        """Do nothing: a command makes itself ready."""

    def take(self, batch: Batch, content: Path, *, recalled: Path, rejections: Path, again: bool) -> None:
        """Run the command; raise NotTaken when it fails."""
        told = {
            "MIDDLEOFFICE_BATCH": batch.id,
            "MIDDLEOFFICE_CHANNEL": batch.channel,
            "MIDDLEOFFICE_SEQUENCE": str(batch.sequence),
            "MIDDLEOFFICE_RECALLED": str(recalled),
            "MIDDLEOFFICE_REJECTIONS": str(rejections),
            "MIDDLEOFFICE_AGAIN": "1" if again else "0",
        }
        try:
            ended = subprocess.run([*self.arguments, str(content)], env={**os.environ, **told}, check=False)
        except OSError as error:
            raise NotTaken(f"the command could not be run: {error}") from None
        if ended.returncode:
            raise NotTaken(f"the command ended with {ended.returncode} for {batch.id}")

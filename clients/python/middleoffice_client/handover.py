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

    def prepare(self, batch: Batch, content: Path) -> None:
        """Make ready for taking the verified bytes of a batch. It may be asked any number of times before `take`."""

    def take(self, batch: Batch, content: Path, *, rejections: Path, again: bool) -> None:
        """Take the bytes.

        content: stays where it is, and must not be changed. rejections: may be written with a line for each
        instruction that is rejected: its id, a space and a reason code. again: it was asked before, and nobody
        knows how far it came. Raise NotTaken when it cannot.
        """


@dataclass(frozen=True)
class Folder:
    """Puts each batch into a folder under a name of its own: whole, or not at all, and never twice, also when the
    file was taken away meanwhile."""

    path: Path

    def name(self, batch: Batch) -> str:
        """Return the name of a batch's file: channel, sequence number and id."""
        return f"{batch.channel}-{batch.sequence:09d}-{batch.id}.ndjson"

    def prepare(self, batch: Batch, content: Path) -> None:
        """Copy the file to the folder's own disk, under a hidden name."""
        self.path.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(content, self._draft(batch))
        with self._draft(batch).open("rb+") as file:
            os.fsync(file.fileno())

    def take(self, batch: Batch, content: Path, *, rejections: Path, again: bool) -> None:
        """Give the file its name. Without the hidden one it has been given already."""
        if self._draft(batch).exists():
            move(self._draft(batch), self.path / self.name(batch))
        elif not again:
            raise NotTaken(f"{self._draft(batch)} is gone")

    def _draft(self, batch: Batch) -> Path:
        return self.path / f".{self.name(batch)}.draft"


@dataclass(frozen=True)
class Command:
    """Runs a command with the path of the file as its last argument; it has taken the batch when it ends with 0.

    Its environment says MIDDLEOFFICE_BATCH, MIDDLEOFFICE_CHANNEL, MIDDLEOFFICE_SEQUENCE, MIDDLEOFFICE_REJECTIONS (a
    path) and MIDDLEOFFICE_AGAIN (1 when it may have taken this batch before: it then must look).
    """

    arguments: Sequence[str]

    def prepare(self, batch: Batch, content: Path) -> None:
        """Do nothing: a command makes itself ready."""

    def take(self, batch: Batch, content: Path, *, rejections: Path, again: bool) -> None:
        """Run the command; raise NotTaken when it fails."""
        told = {
            "MIDDLEOFFICE_BATCH": batch.id,
            "MIDDLEOFFICE_CHANNEL": batch.channel,
            "MIDDLEOFFICE_SEQUENCE": str(batch.sequence),
            "MIDDLEOFFICE_REJECTIONS": str(rejections),
            "MIDDLEOFFICE_AGAIN": "1" if again else "0",
        }
        try:
            ended = subprocess.run([*self.arguments, str(content)], env={**os.environ, **told}, check=False)
        except OSError as error:
            raise NotTaken(f"the command could not be run: {error}") from None
        if ended.returncode:
            raise NotTaken(f"the command ended with {ended.returncode} for {batch.id}")

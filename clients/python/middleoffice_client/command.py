"""`middleoffice-pull`: fetch every batch that is ready, once and only once. Made for cron.

Ends with 0 when all went well, 1 when a batch failed and will be tried again, 2 when it was called wrongly, 3 while
another pull works in the same folder. It writes what it did, one line for each batch, and errors to stderr.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import httpx

from middleoffice_client.api import Client, Problem
from middleoffice_client.handover import Command, Folder, HandOver
from middleoffice_client.journal import Busy
from middleoffice_client.pull import LEASE_SECONDS, Pull
from middleoffice_client.verify import Trust

FAILED, WRONG, BUSY = 1, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process; return its exit status."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    token = _token(asked)
    if not token:
        parser.error("a token is needed: --token-file, or MIDDLEOFFICE_TOKEN")
    try:
        trust = Trust.of(asked.public_key)
    except ValueError as error:
        parser.error(f"--public-key: {error}")
    with Client(asked.url, token, timeout=asked.timeout) as client:
        pull = Pull(
            client,
            asked.folder,
            _hand_over(asked),
            trust=trust,
            channel=asked.channel,
            lease_seconds=asked.lease_seconds,
        )
        return _run(pull)


def _run(pull: Pull) -> int:
    try:
        pulled = pull.run()
    except Busy as error:
        _say(sys.stderr, str(error))
        return BUSY
    except (Problem, httpx.TransportError) as error:
        _say(sys.stderr, str(error) or type(error).__name__)
        return FAILED
    for reference in pulled.done:
        _say(sys.stdout, f"{reference} acknowledged")
    for reference, why in pulled.failed.items():
        _say(sys.stderr, f"{reference} failed: {why}")
    return FAILED if pulled.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="middleoffice-pull", description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="where Middleoffice is, e.g. https://middleoffice.example")
    parser.add_argument(
        "folder", type=Path, help="what this pull keeps for itself: its journal and parts of files"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, metavar="FOLDER", help="put each batch into this folder")
    where.add_argument(
        "--run", metavar="COMMAND", help="run this command for each batch, with the path of its file behind"
    )
    parser.add_argument(
        "--channel", default="", choices=("", "CASH", "SECURITIES", "GOODS", "JOURNAL"), help="only this one"
    )
    parser.add_argument("--token-file", type=Path, help="a file with the token; else MIDDLEOFFICE_TOKEN")
    parser.add_argument(
        "--public-key",
        action="append",
        default=[],
        metavar="BASE64",
        help="demand manifests signed by this ed25519 key, or one of several",
    )
    parser.add_argument("--lease-seconds", type=int, default=LEASE_SECONDS, help="how long a claim holds")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds without a byte from the product")
    return parser


def _token(asked: argparse.Namespace) -> str:
    if asked.token_file is not None:
        return str(asked.token_file.read_text().strip())
    return os.environ.get("MIDDLEOFFICE_TOKEN", "")


def _hand_over(asked: argparse.Namespace) -> HandOver:
    return Folder(asked.to) if asked.to is not None else Command(shlex.split(asked.run))


def _say(stream: TextIO, text: str) -> None:
    stream.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())

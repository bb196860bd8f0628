"""Verify this evidence pack, offline, with Python's standard library alone:  python -I verify.py

Every file against the manifest, every seal against its hash and the one before, every sealed row against its seal, and
the bytes of every batch against the event that sealed it and its own manifest, whose signature is checked if the
library `cryptography` is there. Give what you know from elsewhere (an attestation, another pack) to tie the chain to
it:  python -I verify.py 17=<hash of seal 17>
"""

from __future__ import annotations

import base64
import hashlib
import json
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:  # then signatures are not checked, and the script says so
    Ed25519PublicKey = None  # type: ignore[assignment,misc]

HERE = pathlib.Path(__file__).resolve().parent
HEADER = (
    "event_count",
    "first_id",
    "format",
    "last_id",
    "layout",
    "names_sha256",
    "previous",
    "record_count",
    "root",
    "sealed_at",
    "sequence",
    "total_count",
)


class Unverified(Exception):  # noqa: N818
    """What is wrong, in words for a person."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def lines(name: str) -> Iterator[dict[str, Any]]:
    path = HERE / name
    if path.exists():
        with path.open(encoding="utf-8") as stream:
            for line in stream:
                yield json.loads(line)


def check_files() -> int:
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    present = {path.relative_to(HERE).as_posix() for path in HERE.rglob("*") if path.is_file()}
    for name in sorted(present - set(manifest["files"]) - {"manifest.json"}):
        raise Unverified(f"{name} does not belong to the pack")
    for name, told in sorted(manifest["files"].items()):
        if name not in present:
            raise Unverified(f"{name} is missing")
        digest = hashlib.sha256()
        with (HERE / name).open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != told["sha256"]:
            raise Unverified(f"{name} was changed")
    return len(manifest["files"])


def check_chain() -> dict[int, dict[str, Any]]:
    seals: dict[int, dict[str, Any]] = {}
    before: dict[str, Any] | None = None
    for seal in lines("seals.jsonl"):
        number = seal["sequence"]
        if sha256(canonical({name: seal[name] for name in HEADER})) != seal["hash"]:
            raise Unverified(f"seal {number} is not what its hash says")
        if before and (number != before["sequence"] + 1 or seal["previous"] != before["hash"]):
            raise Unverified(f"seal {number} does not follow from the one before it")
        seals[number] = before = seal
    return seals


def check_rows(name: str, seals: dict[int, dict[str, Any]]) -> tuple[int, int]:
    sealed = waiting = 0
    for each in lines(name):
        if each["seal"] is None:
            waiting += 1
            continue
        node = hashlib.sha256(b"\0" + canonical(each["row"])).digest()
        for side, neighbour in each["path"]:
            other = bytes.fromhex(neighbour)
            node = hashlib.sha256(b"\1" + (other + node if side == "left" else node + other)).digest()
        seal = seals.get(each["seal"])
        if seal is None or node.hex() != seal["root"]:
            raise Unverified(f"{each['name']} is not what was sealed")
        sealed += 1
    return sealed, waiting


def check_contents() -> set[str]:
    """Compare the bytes of batches with the hash that their sealing wrote into the log; return their hashes."""
    told = {}
    for each in lines("events.jsonl"):
        if each["row"]["type"] == "batch.sealed":
            told[each["row"]["subject_id"]] = json.loads(each["row"]["data"])["sha256"]
    found = set()
    for path in sorted(HERE.glob("content/*.ndjson")):
        digest = sha256(path.read_bytes())
        if digest != told.get(path.stem):
            raise Unverified(f"content/{path.name} is not what was sealed as the batch")
        found.add(digest)
    return found


def check_manifests(contents: set[str]) -> int:
    """Compare the manifests of batches with their hashes, their signatures, and the hashes of the bytes there are."""
    count = 0
    for each in lines("manifests.jsonl"):
        text = each["statement"].encode()
        if sha256(text) != each["hash"]:
            raise Unverified(f"the manifest of {each['batch']} was changed")
        if not signed(text, each["signature"], each["public_key"]):
            raise Unverified(f"the manifest of {each['batch']} is not signed with its key")
        if json.loads(text)["sha256"] not in contents:
            raise Unverified(f"the manifest of {each['batch']} is of other bytes")
        count += 1
    return count


def signed(text: bytes, signature: str, public_key: str) -> bool:
    """Tell whether a signature is a key's; also true where the library that could tell is not installed."""
    if Ed25519PublicKey is None:
        return True
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        key.verify(base64.b64decode(signature), text)
    except InvalidSignature:
        return False
    return True


def check_known(seals: dict[int, dict[str, Any]], known: list[str]) -> None:
    for each in known:
        number, _, digest = each.partition("=")
        if not number.isdecimal() or int(number) not in seals:
            raise Unverified(f"seal {number} is not in this pack")
        if seals[int(number)]["hash"] != digest:
            raise Unverified(f"seal {number} is not the one you know")


def main(known: list[str]) -> str:
    files = check_files()
    seals = check_chain()
    check_known(seals, known)
    events, records = (check_rows(name, seals) for name in ("events.jsonl", "records.jsonl"))
    contents = check_contents()
    manifests = check_manifests(contents)
    sealed, waiting = events[0] + records[0], events[1] + records[1]
    told = [
        f"{files} files, {len(seals)} seals, {sealed} sealed rows and {len(contents)} batches are as they were.",
    ]
    if manifests:
        told.append(f"{manifests} signed manifests say the same of them.")
    if manifests and Ed25519PublicKey is None:
        told.append("Their signatures were not checked: that needs the library cryptography.")
    if waiting:
        told.append(f"{waiting} rows were not sealed yet when the pack was made.")
    if seals:
        last = max(seals)
        told.append(f"Compare with an attestation: seal {last} is {seals[last]['hash']}.")
    return "\n".join(told)


if __name__ == "__main__":
    try:
        sys.stdout.write(main(sys.argv[1:]) + "\n")
    except (Unverified, ValueError, KeyError, TypeError, OSError) as error:
        sys.exit(f"NOT VERIFIED: {error}")

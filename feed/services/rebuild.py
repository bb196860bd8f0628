"""A reader of the feed that makes the state of all trades from the events alone, and proves that it is right."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.http.client import ApiClient
from core.http.cursor import MAX_LIMIT
from feed.services.state import SUBJECT, fold, hash_of
from trades.lifecycle import State

EVENTS = "/api/v1/events"


@dataclass
class Rebuilt:
    """What was made of the events so far, and what the server says it should be."""

    states: dict[int, tuple[int, State]] = field(default_factory=dict)
    events: int = 0
    wanted_up_to: int = 0
    complete_up_to: int = 0
    wanted_sha256: str = ""

    def sha256(self) -> str:
        """Return the hash of what was made of the events."""
        return hash_of(self.states)


def rebuild(api: ApiClient, rebuilt: Rebuilt) -> Rebuilt:
    """Ask the server for its hash and read the events from the first to the one it is as of; fill `rebuilt`.

    Speaks the public API only. Refused and Stopped as the client raises them.
    """
    said = api.get(f"{EVENTS}/state-hash")
    rebuilt.wanted_up_to, rebuilt.wanted_sha256 = said["event_id"], said["sha256"]
    after = ""
    while rebuilt.complete_up_to < rebuilt.wanted_up_to:
        page = api.get(EVENTS, after=after, types=f"{SUBJECT}.*", limit=str(MAX_LIMIT))
        for event in page["items"]:
            if event["id"] <= rebuilt.wanted_up_to:
                fold(rebuilt.states, event)
                rebuilt.events += 1
        rebuilt.complete_up_to, after = page["complete_up_to"], page["next"]
    return rebuilt

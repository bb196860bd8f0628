"""Who has a record open now: a short-lived note in Redis for each, renewed by the pages' own questions.

Nothing rests on it: without Redis nobody seems to be there, and no page fails or waits for long.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import cache

import redis
from django.conf import settings

_log = logging.getLogger(__name__)
AWAKE = timedelta(seconds=10)  # a page that is worked on asks every three seconds
IDLE = timedelta(seconds=65)  # one that is only open, every thirty
SHOWN = 5
_WAIT = 0.25  # seconds that a page may lose to a Redis that is not there


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=_WAIT, socket_connect_timeout=_WAIT, decode_responses=True
    )


def others_at(record: str, *, username: str, now: datetime, idle: bool = False) -> list[str]:
    """Note that somebody has a record open, by its reference, and return who else has, by name, at most SHOWN."""
    key, moment = f"middleoffice:open:{record}", now.timestamp()
    until = (now + (IDLE if idle else AWAKE)).timestamp()
    try:
        with _redis().pipeline(transaction=False) as asked:
            asked.zremrangebyscore(key, "-inf", moment)
            asked.zadd(key, {username: until})
            asked.expire(key, IDLE)
            asked.zrangebyscore(key, moment, "+inf", start=0, num=SHOWN + 1)
            *_, found = asked.execute()
    except redis.RedisError as error:
        _log.warning("cannot tell who has %s open: %s", record, error)
        return []
    return sorted(name for name in found if name != username)[:SHOWN]


def leave(record: str, *, username: str) -> None:
    """Forget that somebody has a record open."""
    try:
        _redis().zrem(f"middleoffice:open:{record}", username)
    except redis.RedisError as error:
        _log.warning("cannot tell who has %s open: %s", record, error)

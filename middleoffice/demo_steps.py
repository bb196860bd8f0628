"""The demo in steps, for whoever asks for it in the console: each a transaction that a worker takes in seconds.

It is what `load_demo` loads, but for its administrator, and beside the people and clients of an installation that is
in use: none of these is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

from core.clock import business_date
from core.http.problem import Problem
from core.models import ApiClient
from middleoffice.demo import ACTOR, CLIENTS, CREDENTIALS, USERS, Credentials, load_people
from middleoffice.demo_confirmations import tell_confirmations
from middleoffice.demo_reconciliation import tell_reconciliations
from middleoffice.demo_story import DAYS_BEFORE, tell_day
from ops.demo import Step
from ops.models import DemoLoad
from ops.permissions import ADMINISTRATOR
from refdata.demo import load_demo_refdata

_DAYS = DAYS_BEFORE + 1
# Whoever asks is an administrator: nobody becomes one by asking.
_USERS = tuple(each for each in USERS if each[2] != ADMINISTRATOR)


def steps_of(load: DemoLoad) -> Sequence[Step]:
    """Return the steps of a load, in their order."""
    now = load.asked_at
    return [
        Step("reference data", partial(_begin, load), begins_empty=True),
        Step("people, API clients, limits and fees", partial(_load_people, load), begins_empty=True),
        *(
            Step(f"trades of day {n + 1} of {_DAYS}", partial(tell_day, n, now=now), begins_empty=n == 0)
            for n in range(_DAYS)
        ),
        Step("reconciliations", partial(tell_reconciliations, now=now)),
        Step("confirmations", partial(tell_confirmations, now=now)),
    ]


def _begin(load: DemoLoad) -> None:
    """Load the reference data, unless others have names of the demo's: they would be said to have done its deeds."""
    known = Credentials.read(_credentials())
    people = [name for name, *_ in _USERS if not known.secret("users", "username", name, "password")]
    clients = [name for name, *_ in CLIENTS if not known.secret("clients", "name", name, "token")]
    taken = [
        *User.objects.filter(username__in=people).order_by("username").values_list("username", flat=True),
        *ApiClient.objects.filter(name__in=clients).order_by("name").values_list("name", flat=True),
    ]
    if taken:
        raise Problem(
            409,
            "names-taken",
            f"There are people or API clients of these names already: {', '.join(taken)}.",
            detail="The demo brings its own, and nothing of it was loaded.",
        )
    load_demo_refdata(today=business_date(load.asked_at), actor=ACTOR, now=load.asked_at)


def _load_people(load: DemoLoad) -> None:
    load_people(url=load.url, path=_credentials(), now=load.asked_at, users=_USERS)


def _credentials() -> Path:
    return Path(settings.VAR_DIR) / CREDENTIALS

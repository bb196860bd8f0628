"""People at their desks, on a day on which everything is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client

from ops.permissions import ensure_roles
from tests.support import factories
from tests.support.records import NOW

SignIn = Callable[..., Client]


@pytest.fixture
def day() -> Iterator[None]:
    """Let the console's clock show the moment at which the factories' trades are captured."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def world(db: None, day: None) -> factories.World:
    """Return stored reference data with which the factories' trades pass every check."""
    return factories.world()


@pytest.fixture
def sign_in(db: None, day: None) -> SignIn:
    """Return a function that gives a browser in which a person of some roles is logged in."""

    def enter(*roles: str, name: str = "") -> Client:
        ensure_roles()
        person, _ = User.objects.get_or_create(username=name or "-".join(roles).replace(" ", "") or "nobody")
        person.groups.set(Group.objects.filter(name__in=roles))
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return enter

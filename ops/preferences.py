"""What a person set for this browser, kept in cookies: theme, density, navigation, zone, language, keys, tour."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from ops.tour import INVITED, LEFT, STEPS

CHOICES: dict[str, tuple[str, ...]] = {
    "theme": ("system", "light", "dark"),
    "density": ("compact", "cosy", "roomy"),
    "nav": ("full", "icons"),
    "zone": ("desk", "utc", "local"),
    "language": ("browser", "en", "de"),
    "keys": ("on", "off"),
    "tour": (INVITED, *(step.code for step in STEPS), LEFT),
}
_LOCAL = "local_zone"  # which the browser tells: the name of the zone it is set to
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Preferences:
    """The choices in force, each the first of its CHOICES unless set.

    language: the console's; the browser's own unless one is chosen. keys: those of a single letter, such as `j`.
    tour: how far it has been taken.
    """

    theme: str = "system"
    density: str = "compact"
    nav: str = "full"
    zone: str = "desk"
    language: str = "browser"
    keys: str = "on"
    local: ZoneInfo | None = None
    tour: str = INVITED

    @property
    def tzinfo(self) -> ZoneInfo:
        """Return the zone in which moments are shown: the desk's also where the browser tells of none it knows."""
        if self.zone == "local" and self.local is not None:
            return self.local
        return ZoneInfo("UTC" if self.zone == "utc" else settings.BUSINESS_TIME_ZONE)


def preferences_of(request: HttpRequest) -> Preferences:
    """Return the preferences in the request's cookies; what is not one of the choices is ignored.

    A list's address may say its own density, as a saved view does.
    """
    given = {name: request.COOKIES.get(name, "") for name in CHOICES}
    given["density"] = request.GET.get("density") or given["density"]
    known = {name: value for name, value in given.items() if value in CHOICES[name]}
    return Preferences(**known, local=_zone(request.COOKIES.get(_LOCAL, "")))


def _zone(name: str) -> ZoneInfo | None:
    """Return a zone by its name, None for what is none."""
    try:
        return ZoneInfo(unquote(name[:64])) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # also a folder of zones, and what leads out of it
        return None


def remember(response: HttpResponse, name: str, value: str) -> None:
    """Keep one choice in the browser."""
    response.set_cookie(
        name, value, max_age=_YEAR, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )

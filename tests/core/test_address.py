"""The address and scheme of a request are the socket's, or what a trusted proxy says, and never what a client says."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from core.http.address import ForwardedSchemeMiddleware, check_proxies, client_address

PROXY, INNER, CLIENT = "10.0.0.1", "10.0.0.2", "203.0.113.9"


@pytest.fixture
def _trusts(settings) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/24"), ip_network("2001:db8::1")]


def address(peer: str, forwarded: str | None = None) -> str:
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=peer, **headers))


@pytest.mark.parametrize("forwarded", [None, "", "1.2.3.4", f"1.2.3.4, {PROXY}"])
def test_nobody_is_believed_by_default(forwarded):
    assert address(PROXY, forwarded) == PROXY


@pytest.mark.usefixtures("_trusts")
@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        (PROXY, CLIENT, CLIENT),
        ("2001:db8::1", "2001:db8:1::7", "2001:db8:1::7"),
        (PROXY, f"{CLIENT}, {INNER}", CLIENT),
        (PROXY, f"1.2.3.4, {CLIENT}", CLIENT),  # the client wrote the first one itself
        (CLIENT, "1.2.3.4", CLIENT),  # it did not come through the proxy
        (PROXY, None, PROXY),
        (PROXY, "unknown", PROXY),
        (PROXY, f"1.2.3.4, nonsense, {INNER}", INNER),
        ("", "1.2.3.4", ""),
    ],
)
def test_a_trusted_proxy_is_believed_as_far_as_it_wrote(peer, forwarded, found):
    assert address(peer, forwarded) == found


def scheme(peer: str) -> str:
    """Return what a request that says it came over TLS is taken for."""
    taken: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        taken.append(request.scheme or "")
        return HttpResponse()

    ForwardedSchemeMiddleware(view)(
        RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_PROTO="https")
    )
    return taken[0]


@pytest.mark.parametrize("peer", [PROXY, CLIENT, ""])
def test_nobody_is_believed_about_tls_by_default(peer):
    assert scheme(peer) == "http"


@pytest.mark.usefixtures("_trusts")
@pytest.mark.parametrize(
    ("peer", "found"), [(PROXY, "https"), ("2001:db8::1", "https"), (CLIENT, "http"), ("", "http")]
)
def test_only_a_trusted_proxy_is_believed_about_tls(peer, found):
    assert scheme(peer) == found


@pytest.mark.django_db
@pytest.mark.usefixtures("_trusts")
def test_a_page_is_redirected_to_https_whatever_a_client_says_of_itself(settings):
    settings.SECURE_SSL_REDIRECT = True

    def asked(peer: str, **headers: str) -> tuple[int, str]:
        answer = Client().get("/log-in", REMOTE_ADDR=peer, **headers)
        return answer.status_code, answer.get("Location", "")

    told = {"HTTP_X_FORWARDED_PROTO": "https"}
    assert asked(CLIENT, **told) == (301, "https://testserver/log-in")
    assert asked(PROXY) == (301, "https://testserver/log-in")
    assert asked(PROXY, **told) == (200, "")


@pytest.mark.parametrize(
    ("https", "proxies", "warned"),
    [(True, [], ["middleoffice.W001"]), (True, ["10.0.0.0/24"], []), (False, [], [])],
)
def test_https_without_a_proxy_is_warned_of(settings, https, proxies, warned):
    settings.SECURE_SSL_REDIRECT = https
    settings.TRUSTED_PROXIES = [ip_network(each) for each in proxies]
    assert [each.id for each in check_proxies(None)] == warned


@pytest.mark.django_db
@pytest.mark.usefixtures("_trusts")
def test_wrong_passwords_behind_a_proxy_lock_only_the_address_they_came_from():
    User.objects.create_user("ann", password="a long enough password")

    def log_in(origin: str, password: str) -> int:
        form = {"username": "ann", "password": password}
        headers = {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": f"198.51.100.1, {origin}"}
        return Client().post("/log-in", form, **headers).status_code

    answers = [log_in(CLIENT, "wrong") for _ in range(11)]
    assert (answers[0], answers[-1]) == (422, 429)
    assert log_in(CLIENT, "a long enough password") == 429
    assert log_in("203.0.113.10", "a long enough password") == 302

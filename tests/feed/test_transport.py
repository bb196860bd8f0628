"""A message goes to the address that was checked, for a bounded time, and nowhere else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpcore
import pytest

from feed.services import transport
from feed.services.transport import Answer, addresses_of, is_public, send


class Handler(BaseHTTPRequestHandler):
    got: list[tuple[str, str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, self.headers["Host"], body))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            self.endless()
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"taken \x00\xff\n" + b"x" * 2000)

    def endless(self) -> None:
        try:
            while True:
                self.wfile.write(b"y" * 4096)
        except OSError:
            self.got.append(("hung up", "", b""))

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """Give the address of an HTTP server of this machine, and what it gets."""
    got: list[tuple[str, str, bytes]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Listening", (Handler,), {"got": got}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join(10)
    server.server_close()


def post(url: str, *, private: bool) -> Answer:
    return send(url=url, headers={"Content-Type": "application/json"}, body=b"{}", private=private)


def test_an_answer_has_its_status_and_a_clean_excerpt(listener: Any) -> None:
    url, got = listener
    answer = post(f"{url}/taken", private=True)
    assert (answer.status, answer.error, len(answer.excerpt)) == (200, "", 500)
    assert answer.excerpt.startswith("taken  � xxx")
    assert got == [("/taken", url.removeprefix("http://"), b"{}")]


def test_a_private_address_is_refused_before_anything_is_sent(listener: Any) -> None:
    url, got = listener
    answer = post(url, private=False)
    assert answer.status is None
    assert answer.error == "127.0.0.1 leads to an address that is not public"
    assert got == []


def test_a_redirect_is_an_answer_and_not_followed(listener: Any) -> None:
    url, got = listener
    assert post(f"{url}/moved", private=True).status == 302
    assert [path for path, _, _ in got] == ["/moved"]


def test_an_endless_answer_is_read_no_further_than_it_is_bounded(listener: Any) -> None:
    url, _ = listener
    answer = post(f"{url}/endless", private=True)
    assert (answer.status, answer.excerpt) == (200, "y" * 500)


def test_an_answer_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each single wait is short; together they are longer than any message may take."""
    monkeypatch.setattr(transport, "TOTAL_SECONDS", 1)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/", private=True)
        finally:
            stop.set()
            thread.join(10)
    assert answer.status is None
    assert answer.error == "ReadTimeout: the answer took too long" or "timed out" in answer.error


def test_whatever_fails_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("nobody expected this")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", broken)
    answer = post("http://127.0.0.1:1/", private=True)
    assert (answer.status, answer.error) == (None, "ValueError: nobody expected this")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_within_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let names lead to these addresses, another list at each look-up."""
    left = list(answers)

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in left.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(transport.RefusedAddress):
        addresses_of("listener.example", 443, private=False)


def test_the_connection_goes_to_the_very_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name says something else when it is asked again: nobody asks again."""
    resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    connected: list[str] = []

    def connect(self: Any, host: str, port: int, *_: Any) -> Any:
        connected.append(host)
        raise httpcore.ConnectError("no network here")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    answer = post("https://listener.example/", private=False)
    assert connected == ["93.184.216.34"]
    assert answer.error == "ConnectError: no network here"


def test_the_next_address_is_tried_when_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["93.184.216.34", "93.184.216.35"])
    connected: list[str] = []

    def connect(self: Any, host: str, port: int, *_: Any) -> Any:
        connected.append(host)
        raise httpcore.ConnectError(f"{host} is away")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    answer = post("https://listener.example/", private=False)
    assert connected == ["93.184.216.34", "93.184.216.35"]
    assert answer.error == "ConnectError: 93.184.216.35 is away"


def test_a_name_that_does_not_exist_is_an_answer_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    answer = post("https://nowhere.example/", private=False)
    assert (answer.status, answer.error) == (None, "gaierror: [Errno -2] Name or service not known")

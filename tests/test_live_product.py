"""The live product that flow, fault and browser tests stand on can be killed, paused and looked at."""

from __future__ import annotations

import os
import signal

import httpx
import pytest

from middleoffice import lifeline


def test_it_works_on_the_database_of_the_tests(live_product, django_user_model):
    assert httpx.get(f"{live_product.base_url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{live_product.base_url}/readyz").status_code == 200
    assert django_user_model.objects.count() == 0


@pytest.mark.faults
@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_what_a_test_kills_is_gone_with_its_children(live_product, name):
    session = live_product.pid(name)
    live_product.kill(name)
    assert not live_product.alive(name)

    def gone() -> bool:
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return True
        return False

    assert lifeline.wait_until(gone, seconds=5)


@pytest.mark.faults
def test_the_next_test_finds_everything_alive(live_product):
    assert all(live_product.alive(name) for name in ("web", "worker", "beat"))
    assert httpx.get(f"{live_product.base_url}/readyz").status_code == 200


@pytest.mark.faults
def test_a_paused_process_goes_on_where_it_was(live_product):
    live_product.pause("web")
    with pytest.raises(httpx.TimeoutException):
        httpx.get(f"{live_product.base_url}/healthz", timeout=0.5)
    live_product.resume("web")
    assert httpx.get(f"{live_product.base_url}/healthz", timeout=5).status_code == 200


@pytest.mark.faults
def test_a_second_worker_can_join_and_leave(live_product):
    live_product.start("worker-2")
    assert lifeline.wait_until(lambda: "ready" in live_product.log("worker-2").read_text(), seconds=20)
    live_product.kill("worker-2", signal.SIGTERM)
    assert not live_product.alive("worker-2")


@pytest.mark.browser
def test_a_page_shows_what_the_product_serves(page):
    answer = page.goto("/healthz")
    assert answer.status == 200
    assert "ok" in page.content()

"""Settings say everything that is wrong with the environment at once, and never a secret."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from middleoffice import env

WRONG = {
    "SECRET_KEY": "hunter2",
    "DATABASE_URL": "mysql://me:hunter2@host/name",
    "HTTPS": "perhaps",
    "SQL_TIMEOUT_MS": "-1",
}


def test_every_fault_is_named_at_once_and_no_secret_is_shown(monkeypatch):
    for name, value in WRONG.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TOKEN_PEPPER", raising=False)
    environment = env.Environment(production=True)
    environment.read("SECRET_KEY", env.secret, default="", purpose="signs")
    environment.read("DATABASE_URL", env.url("postgres"), default="", purpose="stores")
    environment.read("HTTPS", env.boolean, default=True, purpose="https")
    environment.read("SQL_TIMEOUT_MS", env.positive, default=1, purpose="ends")
    environment.read("TOKEN_PEPPER", env.secret, default="", required_in_production=True, purpose="hashes")

    with pytest.raises(ImproperlyConfigured) as raised:
        environment.verify()

    said = str(raised.value)
    assert all(name in said for name in (*WRONG, "TOKEN_PEPPER"))
    assert "HTTPS='perhaps'" in said
    assert "hunter2" not in said


def test_trusted_proxies_are_addresses_or_networks_and_never_everybody():
    assert [str(each) for each in env.networks("10.0.0.5, 2001:db8::/32")] == ["10.0.0.5/32", "2001:db8::/32"]
    assert env.networks("") == []
    for wrong in ("proxy.example", "10.0.0.5/24", "0.0.0.0/0", "::/0", "2"):
        with pytest.raises(ValueError, match=r"."):
            env.networks(wrong)

"""Settings say everything that is wrong with the environment at once, and never a secret."""

from __future__ import annotations

import base64

import pytest
from django.core.exceptions import ImproperlyConfigured

from middleoffice import env

WRONG = {
    "SECRET_KEY": "hunter2",
    "DATABASE_URL": "mysql://me:hunter2@host/name",
    "AUDIT_SIGNING_KEY": "aHVudGVyMg==",
    "HTTPS": "perhaps",
    "SQL_TIMEOUT_MS": "-1",
}


def test_every_fault_is_named_at_once_and_no_secret_is_shown(monkeypatch):
    for name, value in WRONG.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TOKEN_PEPPER", raising=False)
    environment = env.Environment(production=True)
    environment.read("SECRET_KEY", env.secret, default="", purpose="signs")
    environment.read("AUDIT_SIGNING_KEY", env.signing_key, default=b"", purpose="signs the log")
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
    assert "aHVudGVyMg" not in said


def test_trusted_proxies_are_addresses_or_networks_and_never_everybody():
    assert [str(each) for each in env.networks("10.0.0.5, 2001:db8::/32")] == ["10.0.0.5/32", "2001:db8::/32"]
    assert env.networks("") == []
    for wrong in ("proxy.example", "10.0.0.5/24", "0.0.0.0/0", "::/0", "2"):
        with pytest.raises(ValueError, match=r"."):
            env.networks(wrong)


@pytest.mark.parametrize("alphabet", ["+/", "-_"])
def test_a_signing_key_is_32_bytes_in_either_base64(alphabet):
    key = bytes(range(224, 256))
    assert env.signing_key(base64.b64encode(key, alphabet.encode()).decode()) == key
    for wrong in ("short", "?" * 44, base64.b64encode(key[1:]).decode()):
        with pytest.raises(ValueError, match="base64"):
            env.signing_key(wrong)

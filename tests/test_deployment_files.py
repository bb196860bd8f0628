"""The container files start what `make run` starts, and the example environment names what is read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from middleoffice import embedded, processes

ROOT = Path(__file__).resolve().parent.parent
OURS = ("migrate", "web", "worker", "beat")
CONTAINER = {"HOST": "0.0.0.0", "PORT": "8000", "BEAT_SCHEDULE": "/tmp/beat-schedule"}  # noqa: S104, S108


def interpolate(text: str, environment: dict[str, str]) -> str:
    """Replace ${NAME:-default} as compose does; ${NAME:?message} stands for a value that is there."""
    text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: environment.get(found[1], "given"), text)
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: environment.get(found[1]) or found[2], text)


def services(**environment: str) -> dict[str, Any]:
    """Return the services of docker-compose.yml under `environment`."""
    text = (ROOT / "docker-compose.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(interpolate(text, environment))["services"]
    return found


def command(name: str, environment: dict[str, str]) -> list[str]:
    """Return the command of process `name` as the table has it, with `python` left as it is."""
    values = {**processes.DEFAULTS, **CONTAINER, **environment}
    return [processes.fill(part, values) for part in processes.COMMANDS[name]]


@pytest.mark.parametrize("environment", [{}, {"WEB_WORKERS": "5", "WORKER_CONCURRENCY": "7"}])
def test_every_container_runs_a_command_that_make_run_executes(environment):
    found = services(**environment)
    assert {name: found[name]["command"] for name in OURS} == {
        name: command(name, environment) for name in OURS
    }


def test_the_image_runs_the_web_command_by_default():
    (line,) = re.findall(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert json.loads(line) == command("web", {})


def test_every_service_is_there_with_a_healthcheck():
    found = services()
    assert set(found) == {"postgres", "redis", *OURS}
    assert found["postgres"]["image"] == "postgres:18"
    for name in ("postgres", "redis", "web", "worker", "beat"):
        assert found[name]["healthcheck"]["test"], name
    assert found["migrate"]["healthcheck"] == {"disable": True}


def test_processes_wait_for_healthy_servers_and_a_finished_migration():
    found = services()
    for name in ("web", "worker", "beat"):
        assert found[name]["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }
    assert found["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert found["migrate"]["restart"] == "no"


def test_the_servers_are_tuned_as_the_embedded_ones():
    found = services()
    settings = [part for part in found["postgres"]["command"][1:] if part != "-c"]
    assert dict(part.split("=") for part in settings) == embedded.POSTGRES_SETTINGS
    words = found["redis"]["command"][1:]
    given = dict(zip((word.removeprefix("--") for word in words[::2]), words[1::2], strict=True))
    assert given == embedded.REDIS_SETTINGS


def test_compose_keeps_no_secret_and_passes_on_only_known_variables():
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{(\w+):\?", text)) == {
        "SECRET_KEY",
        "TOKEN_PEPPER",
        "AUDIT_SIGNING_KEY",
        "POSTGRES_PASSWORD",
    }
    assert set(re.findall(r"\$\{(\w+)", text)) <= named_in_example()
    assert set(services()["web"]["environment"]) <= named_in_example()


def test_compose_speaks_plain_http_to_this_machine_alone_until_told_otherwise():
    found = services()["web"]
    assert (found["environment"]["HTTPS"], found["ports"]) == (False, ["127.0.0.1:8000:8000"])
    behind_proxy = services(HTTPS="true", WEB_ADDRESS="10.0.0.7", TRUSTED_PROXIES="10.0.0.1")["web"]
    assert (behind_proxy["environment"]["HTTPS"], behind_proxy["ports"]) == (True, ["10.0.0.7:8000:8000"])
    assert behind_proxy["environment"]["TRUSTED_PROXIES"] == "10.0.0.1"


def test_the_example_environment_makes_compose_do_the_same():
    lines = re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert services(**dict(lines))["web"]["ports"] == services()["web"]["ports"]
    assert services(**dict(lines))["web"]["environment"]["HTTPS"] is False


def test_the_image_is_multi_stage_checked_and_not_roots():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert len([line for line in lines if line.startswith("FROM ")]) == 2
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER middleoffice"]
    assert lines.index(users[0]) < lines.index(next(line for line in lines if line.startswith("CMD ")))


def test_the_image_carries_neither_data_nor_secrets():
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", "var", ".env"} <= set(ignored)


def named_in_example() -> set[str]:
    """Return the variables that .env.example names."""
    return set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_the_example_environment_names_every_variable_that_is_read():
    read = set(processes.DEFAULTS) | {"POSTGRES_PASSWORD", "WEB_ADDRESS"}
    for source in ("settings.py", "embedded/places.py"):
        text = (ROOT / "middleoffice" / source).read_text()
        read |= set(re.findall(r'\b(?:_env\.read\(\s*|environ\.get\()"([A-Z_]+)"', text))
    assert read - {"PATH"} == named_in_example()

"""What docker-compose.yml promises, read from the file: no container engine is needed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if "build" in service}
WORKERS = ("worker-cheap", "worker-expensive")
SECRETS = ("REDIS_PASSWORD", "POSTGRES_PASSWORD", "FLOWER_PASSWORD")

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def test_services() -> None:
    """Broker, ledger, one-shot migration, a worker per queue, the monitor, and two that start only when asked for."""
    assert set(SERVICES) == {"redis", "postgres", "migrate", *WORKERS, "flower", "offline-models", "cli"}
    assert SERVICES["offline-models"]["profiles"] == ["offline-models"]
    assert SERVICES["cli"]["profiles"] == ["cli"]


@each_service
def test_service_can_do_little(service: dict[str, Any]) -> None:
    """Each runs on a read-only filesystem, without capabilities and without a way to gain any."""
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in service
    assert "privileged" not in service


def test_nothing_runs_as_root() -> None:
    """Our image and the two public ones run as users of their own."""
    assert SERVICES["redis"]["user"] == "redis"
    assert SERVICES["postgres"]["user"] == "postgres"
    assert all("user" not in SERVICES[name] for name in OURS)
    assert re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == ["10001:10001"]


@each_service
def test_service_has_a_restart_policy(service: dict[str, Any]) -> None:
    """Each comes back after a crash, but for what runs once."""
    assert service["restart"] in {"unless-stopped", "on-failure:3", "no"}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"migrate", "cli"}))
def test_long_running_service_has_a_health_check(name: str) -> None:
    """Compose can tell whether each service that stays works."""
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", WORKERS)
def test_workers_can_be_scaled(name: str) -> None:
    """Nothing of a worker can exist only once on a machine."""
    assert "container_name" not in SERVICES[name]
    assert "hostname" not in SERVICES[name]
    assert "ports" not in SERVICES[name]


def test_only_flower_is_published_and_on_loopback() -> None:
    """Redis and PostgreSQL are on an internal network only; Flower's port is this machine's unless changed."""
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"flower"}
    assert SERVICES["flower"]["ports"] == ["${FLOWER_PUBLISH:-127.0.0.1:5555}:5555"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if service["networks"] == ["inside"]} == {
        "redis",
        "postgres",
        "migrate",
        "offline-models",
    }


def test_secrets_come_from_the_environment() -> None:
    """Every password and key is a reference, and compose refuses to start while a password is not set."""
    text = (ROOT / "docker-compose.yml").read_text()
    for name in SECRETS:
        references = re.findall(rf"\$\{{{name}([^}}]*)\}}", text)
        assert references
        assert set(references) == {":?set it in .env"}
    for service in SERVICES.values():
        environment = service.get("environment", {})
        assert all(environment[key] is None for key in environment if key.endswith("_API_KEY"))


@each_service
def test_no_secret_is_on_a_command_line(service: dict[str, Any]) -> None:
    """Commands and health checks hold no password that compose fills in; the shell's own variables are `$$`."""
    lines = [service.get("command", ""), service.get("entrypoint", ""), service.get("healthcheck", {})]
    assert not re.search(r"(?<!\$)\$\{?[A-Z]", str(lines))


def test_secret_variables_of_the_example_are_the_ones_asked_for() -> None:
    """.env.example lists every variable of docker-compose.yml, and each password empty."""
    text = (ROOT / "docker-compose.yml").read_text()
    example = (ROOT / ".env.example").read_text()
    listed = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    referenced = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text)) | {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}
    assert listed == referenced
    assert all(re.search(rf"^{name}=$", example, re.MULTILINE) for name in SECRETS)


def test_monitor_knows_the_broker_only() -> None:
    """Flower has neither the ledger's address nor a provider's key."""
    assert set(SERVICES["flower"]["environment"]) == {"REDIS_URL", "CHEAPFIRST_DEPLOYMENT", "FLOWER_PASSWORD"}


def test_broker_keeps_what_it_was_given() -> None:
    """Redis appends each second to a file on a volume and never evicts a message."""
    redis = SERVICES["redis"]
    configuration = redis["command"][-1]
    for line in (
        "appendonly yes",
        "appendfsync everysec",
        "maxmemory-policy noeviction",
        "requirepass $$REDISCLI_AUTH",
    ):
        assert line in configuration
    assert redis["volumes"] == ["redis:/data"]


@pytest.mark.parametrize("name", [*WORKERS, "cli"])
def test_ledger_is_migrated_first(name: str) -> None:
    """Nothing uses the ledger before the one migration has succeeded."""
    assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert SERVICES["migrate"]["command"] == ["db", "upgrade"]


def test_workers_are_given_time_to_finish() -> None:
    """A worker is not killed before its calls in flight can have come back."""
    for name in WORKERS:
        assert SERVICES[name]["stop_grace_period"] == "100s"


def test_image_is_made_of_pinned_parts() -> None:
    """Every installation in the image checks hashes, and the engine is sent nothing but what the image is made of."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    installations = re.findall(r"(?:pip install|uv build) [^&\n]+", dockerfile)
    assert len(installations) == 4
    assert all("--require-hashes" in line or "--no-deps dist/" in line for line in installations)
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


def documented_commands() -> list[list[str]]:
    """Return every docker compose command of docs/production.md, as words."""
    text = (ROOT / "docs/production.md").read_text()
    return [shlex.split(line.split(">")[0]) for line in re.findall(r"docker compose [^`\n]+", text)]


@pytest.mark.parametrize("words", documented_commands(), ids=" ".join)
def test_documented_commands_name_services_that_exist(words: list[str]) -> None:
    """Each documented command is one of compose's, on services and profiles of the file."""
    profile = words.index("--profile") + 1 if "--profile" in words else None
    if profile:
        assert words[profile] in {name for service in SERVICES.values() for name in service.get("profiles", [])}
    verb = next(word for word in words[profile + 1 if profile else 2 :] if not word.startswith("-"))
    assert verb in {"up", "run", "exec", "stop", "build"}
    named = [word.partition("=")[0] for word in words[words.index(verb) + 1 :] if not word.startswith("-")]
    assert set(named[:1] if verb in {"run", "exec"} else named) <= set(SERVICES)

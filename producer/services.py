"""What a run needs around its workers: a broker and the deployment's loopback model servers, started where missing."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from producer.embedded.model_servers import model_servers
from producer.embedded.redis_server import EmbeddedRedis, find_running_redis
from producer.home import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from routing.deployment import DeploymentSpec, ServerSpec
    from workers.settings import Settings

SERVER_VARIABLE = "CHEAPFIRST_SERVER_"


@dataclass(frozen=True, slots=True)
class Services:
    """Settings with a broker in them, and the whole environment of a worker process that uses these services."""

    settings: Settings
    environment: Mapping[str, str] = field(repr=False)


@contextmanager
def running_services(settings: Settings, deployment: DeploymentSpec, deployment_file: Path) -> Iterator[Services]:
    """Yield the services of a run; those that were started here end with it.

    A broker is started unless REDIS_URL is set, a model server unless CHEAPFIRST_SERVER_<NAME> is. Raises
    ServiceUnreachableError where one does not come up.
    """
    home = make_folder(settings.home).absolute()
    with ExitStack() as running:
        redis_url = settings.redis_url
        if redis_url is None:
            redis_url = SecretStr(running.enter_context(EmbeddedRedis(redis_directory(home))).url)
        servers = running.enter_context(model_server_urls(settings, deployment.servers))
        yield Services(
            settings.model_copy(update={"redis_url": redis_url}),
            settings.environment()
            | {
                "CHEAPFIRST_HOME": str(home),
                "CHEAPFIRST_DEPLOYMENT": str(deployment_file.absolute()),
                "DATABASE_URL": absolute_ledger(settings),
                "REDIS_URL": redis_url.get_secret_value(),
            }
            | {f"{SERVER_VARIABLE}{name.upper()}": url for name, url in servers.items()},
        )


@contextmanager
def model_server_urls(settings: Settings, servers: Mapping[str, ServerSpec]) -> Iterator[dict[str, str]]:
    """Yield the address of each of these servers: of one that runs already, or of one that lives as long as this."""
    known = settings.server_urls
    missing = {name: server for name, server in servers.items() if name.lower() not in known}
    with model_servers(missing, settings.home.absolute() / "logs") as started:
        yield {name: known[name.lower()] for name in servers if name not in missing} | started


def redis_directory(home: Path) -> Path:
    """Return where embedded brokers of this home keep what they write."""
    return home / "redis"


def with_running_broker(settings: Settings) -> Settings:
    """Return settings that name a broker where one is configured, or where a run beside this process has its own."""
    if settings.redis_url is not None:
        return settings
    url = find_running_redis(redis_directory(settings.home))
    return settings if url is None else settings.model_copy(update={"redis_url": SecretStr(url)})


def absolute_ledger(settings: Settings) -> str:
    """Return the ledger's address for processes that may run in another folder."""
    if settings.ledger is not None:
        return settings.database_url
    return f"sqlite:///{Path(settings.home).absolute() / 'ledger.db'}"

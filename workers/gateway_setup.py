"""The gateway of a process: models with their addresses and keys, behind limits that all processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from gateway.gateway import Gateway
from gateway.limits import NoLimits
from routing.errors import UsageError
from workers.limits.redis_limits import RedisLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.pressure import PressurePort
    from gateway.transport import Transport
    from routing.deployment import DeploymentSpec, ModelSpec
    from workers.settings import Settings


def open_gateway(
    settings: Settings,
    deployment: DeploymentSpec,
    redis_url: SecretStr | None,
    server_urls: Mapping[str, str] | None = None,
    pressure: PressurePort | None = None,
) -> Gateway:
    """Return the gateway of this deployment. Without Redis, limits are not kept: fit for single calls only.

    `server_urls` are the addresses of loopback servers by the deployment's names, the environment's where None;
    `pressure` hears of every exchange.

    Raises UsageError where a key's variable is not set or holds no key, or a loopback server's address is not known.
    """
    urls = settings.server_urls if server_urls is None else {name.lower(): url for name, url in server_urls.items()}
    models = {name: _addressed(spec, urls) for name, spec in deployment.models.items()}
    keys = {name: _key(spec, settings) for name, spec in models.items() if spec.api_key_variable}
    limited = any(spec.requests_per_minute or spec.tokens_per_minute for spec in models.values())
    limits = RedisLimits.at(redis_url) if limited and redis_url is not None else NoLimits()
    return Gateway(models, keys, _transport(deployment), limits=limits, pressure=pressure)


def _transport(deployment: DeploymentSpec) -> Transport:
    match deployment.http_client:
        case "pyreqwest":
            from gateway.pyreqwest_transport import PyreqwestTransport

            return PyreqwestTransport()
        case "httpx":
            from gateway.httpx_transport import HttpxTransport

            return HttpxTransport()


def _addressed(spec: ModelSpec, server_urls: Mapping[str, str]) -> ModelSpec:
    if not spec.server:
        return spec
    url = server_urls.get(spec.server.lower())
    if url is None:
        raise UsageError(
            f"Model `{spec.name}` is answered by the server `{spec.server}`, which does not run.",
            f"`cheapfirst run` starts it; elsewhere set CHEAPFIRST_SERVER_{spec.server.upper()} to its address.",
        )
    return spec.model_copy(update={"base_url": url})


def _key(spec: ModelSpec, settings: Settings) -> SecretStr:
    key = settings.key(spec.api_key_variable)
    if key is None:
        raise UsageError(
            f"Model `{spec.name}` needs a key, and {spec.api_key_variable} is not set.", "Set it in the environment."
        )
    secret = key.get_secret_value().strip()  # a key read from a file ends with a line break
    if not (secret.isascii() and secret.isprintable() and secret):
        raise UsageError(
            f"{spec.api_key_variable}, the key of model `{spec.name}`, holds characters that no key has.",
            "Set it in the environment again.",
        )
    return SecretStr(secret)

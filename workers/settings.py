"""The environment of a process: the one place that reads it, once, when it is asked to."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from routing.errors import UsageError

_SERVER_PREFIX = "CHEAPFIRST_SERVER_"


class Settings(BaseSettings):
    """What the environment says. Empty variables count as absent.

    `home` keeps what the embedded services write: the SQLite ledger, logs, results.
    `chunk` overrides the deployment's chunk for the queues of this process.
    `parent` is the process that started a worker, which ends when that one is gone; `black_box` is a file descriptor it
    inherits from it.
    `collector` receives OpenTelemetry spans; `telemetry_content` puts answers into them.
    """

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    ledger: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")
    deployment: Path | None = Field(default=None, validation_alias="CHEAPFIRST_DEPLOYMENT")
    home: Path = Field(default=Path(".cheapfirst"), validation_alias="CHEAPFIRST_HOME")
    chunk: int | None = Field(default=None, ge=1, le=1000, validation_alias="CHEAPFIRST_CHUNK")
    parent: int | None = Field(default=None, ge=1, validation_alias="CHEAPFIRST_PARENT")
    black_box: int | None = Field(default=None, ge=3, validation_alias="CHEAPFIRST_BLACK_BOX")
    collector: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    telemetry_content: bool = Field(default=False, validation_alias="CHEAPFIRST_TELEMETRY_CONTENT")

    @field_validator("redis_url")
    @classmethod
    def _verified(cls, url: SecretStr | None) -> SecretStr | None:
        """Ask for certificates to be verified where TLS is wanted and nothing is said: kombu would not look at them."""
        if url is None or not url.get_secret_value().startswith("rediss://"):
            return url
        try:
            parts = urlsplit(url.get_secret_value())
        except ValueError:  # told where it is used, without quoting it
            return url
        if "ssl_cert_reqs" in parse_qs(parts.query):
            return url
        query = "&".join(filter(None, (parts.query, "ssl_cert_reqs=required")))
        return SecretStr(urlunsplit(parts._replace(query=query)))

    @property
    def database_url(self) -> str:
        """The ledger's address: SQLite under `home` unless DATABASE_URL names another."""
        if self.ledger is not None:
            return self.ledger.get_secret_value()
        return f"sqlite:///{self.home / 'ledger.db'}"

    @property
    def server_urls(self) -> dict[str, str]:
        """The addresses of loopback model servers that run already, by the deployment's name in lower case."""
        return {
            name.removeprefix(_SERVER_PREFIX).lower(): value
            for name, value in os.environ.items()  # noqa: TID251 - this is settings.py
            if name.startswith(_SERVER_PREFIX) and value
        }

    def key(self, variable: str) -> SecretStr | None:
        """Return the secret in a variable that a deployment file names, None where it is unset or empty."""
        value = os.environ.get(variable)  # noqa: TID251 - this is settings.py
        return SecretStr(value) if value else None

    def environment(self) -> dict[str, str]:
        """Return the whole environment, for child processes of ours."""
        return dict(os.environ)  # noqa: TID251 - this is settings.py


def read_settings() -> Settings:
    """Read the environment. Raises UsageError naming each variable that does not make sense."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        raise UsageError(f"The environment is wrong: {wrong}.", "Correct these variables.") from None

"""A Redis or PostgreSQL that shows a certificate of the wrong authority gets no password, whoever of us connects."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import kombu
import pytest
from kombu.exceptions import OperationalError

from routing.errors import ServiceUnreachableError
from storage import clock
from storage.database import Database
from tests.support.services import missing
from workers.broker import Broker
from workers.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic import SecretStr

PASSWORD = "canary-password"
WITHIN_S = 20
REQUIRED = pytest.mark.parametrize("query", ["", "?ssl_cert_reqs=required"], ids=["bare", "required"])


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a key and a certificate that nobody vouches for but itself."""
    if shutil.which("openssl") is None:
        missing("openssl", "apt-get install openssl")
    folder.mkdir(exist_ok=True)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return key, certificate


@contextmanager
def _tls_server(folder: Path, received: list[bytes], *, is_postgres: bool = False) -> Iterator[int]:
    """A server with such a certificate, which says yes to everything and keeps what it is sent inside TLS."""
    key, certificate = _certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, tls, received, is_postgres))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(WITHIN_S)


def _configured(monkeypatch: pytest.MonkeyPatch, url: str) -> SecretStr:
    """Return what a process makes of this address in its environment."""
    monkeypatch.setenv("REDIS_URL", url)
    configured = read_settings().redis_url
    assert configured is not None
    return configured


def _serve(listening: socket.socket, tls: ssl.SSLContext, received: list[bytes], is_postgres: bool) -> None:  # noqa: FBT001
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:  # the test is over
            return
        connection.settimeout(WITHIN_S)
        try:
            if is_postgres and connection.recv(8):  # may we have TLS?
                connection.sendall(b"S")
            with tls.wrap_socket(connection, server_side=True) as encrypted:
                while sent := encrypted.recv(4096):
                    received.append(sent)
                    if is_postgres:
                        break
                    encrypted.sendall(b"+OK\r\n" * sent.count(b"*"))
        except OSError:
            connection.close()


@REQUIRED
def test_our_view_of_the_broker_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    """With and without `ssl_cert_reqs=required`, it counts as unreachable, and is sent nothing."""
    received: list[bytes] = []
    with _tls_server(tmp_path, received) as port:
        broker = Broker(_configured(monkeypatch, f"rediss://:{PASSWORD}@127.0.0.1:{port}/0{query}"))
        with pytest.raises(ServiceUnreachableError):
            broker.ping()
        broker.close()
    assert received == []


@REQUIRED
def test_celery_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    """The connection that carries the messages verifies as well."""
    received: list[bytes] = []
    with _tls_server(tmp_path, received) as port:
        url = _configured(monkeypatch, f"rediss://:{PASSWORD}@127.0.0.1:{port}/0{query}")
        connection = kombu.Connection(url.get_secret_value(), connect_timeout=5)
        with pytest.raises(OperationalError, match="certificate verify failed"):
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
        connection.release()
    assert received == []


def test_the_server_of_these_tests_is_heard_where_nobody_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the certificate that is refused: told not to look at it, the client sends its password."""
    received: list[bytes] = []
    with _tls_server(tmp_path, received) as port:
        broker = Broker(_configured(monkeypatch, f"rediss://:{PASSWORD}@127.0.0.1:{port}/0?ssl_cert_reqs=none"))
        broker.ping()
        broker.close()
    assert PASSWORD.encode() in b"".join(received)


def test_the_ledger_refuses_it(tmp_path: Path) -> None:
    """With the address of docs/production.md, a PostgreSQL of another authority is unreachable, and is sent nothing."""
    received: list[bytes] = []
    _, other_authority = _certificate(tmp_path / "other")
    with _tls_server(tmp_path, received, is_postgres=True) as port:
        query = f"sslmode=verify-full&sslrootcert={other_authority}&connect_timeout=5"
        database = Database(f"postgresql://ledger:{PASSWORD}@127.0.0.1:{port}/ledger?{query}")
        with pytest.raises(ServiceUnreachableError) as caught:
            clock.read_ms(database)
        database.close()
    assert received == []
    assert PASSWORD not in str(caught.value)


def test_the_ledger_of_the_right_authority_is_heard(tmp_path: Path) -> None:
    """It is the certificate that is refused: with its own as the authority, the client begins to talk."""
    received: list[bytes] = []
    with _tls_server(tmp_path, received, is_postgres=True) as port:
        query = f"sslmode=verify-full&sslrootcert={tmp_path / 'certificate.pem'}&connect_timeout=5"
        database = Database(f"postgresql://ledger:{PASSWORD}@127.0.0.1:{port}/ledger?{query}")
        with pytest.raises(ServiceUnreachableError):  # it speaks no PostgreSQL
            clock.read_ms(database)
        database.close()
    assert b"ledger" in b"".join(received)

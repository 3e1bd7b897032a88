"""The command that starts Flower on our broker, never without a password.

Flower 2.2 shows and controls everything to anyone when it has no authentication, so there is no way to start it here
without. Both passwords travel in the environment, because any user of the machine can read a command line.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from routing.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

USER = "cheapfirst"
DEFAULT_PORT = 5555
LOOPBACK = "127.0.0.1"
# Flower keeps 100 000 tasks in memory by default. It watches the queues; the record of items is the ledger.
MAX_TASKS = 10_000
# Flower splits its list of credentials at commas, and its comparison fails on anything but ASCII.
PASSWORD = re.compile(r"[!-+\--~]+")


@dataclass(frozen=True, slots=True)
class FlowerCommand:
    """What to run: `argv`, with `environment` added to this process's own. `url` is where the page is then.

    `generated` tells that nobody knows the password yet: print it once.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    url: str
    user: str
    password: str = field(repr=False)
    generated: bool


def flower_command(
    broker_url: str, *, password: str = "", address: str = LOOPBACK, port: int = DEFAULT_PORT
) -> FlowerCommand:
    """Return the command for a broker; without a password, one is generated.

    Raises UsageError where `address` can be reached from other machines and no password was chosen, and where Flower
    could not tell the password from a list of several.
    """
    if not password and not _is_loopback(address):
        raise UsageError(
            f"Flower on {address} can be reached from other machines, so it needs a password of your choice.",
            "Set FLOWER_PASSWORD, or leave the address at 127.0.0.1.",
        )
    if password and not PASSWORD.fullmatch(password):
        raise UsageError(
            "FLOWER_PASSWORD may hold printable ASCII characters only, without spaces and commas.",
            "Choose another, such as the output of: openssl rand -hex 24",
        )
    chosen = password or secrets.token_urlsafe(18)
    return FlowerCommand(
        argv=_argv(address, port),
        environment={"REDIS_URL": broker_url, "FLOWER_BASIC_AUTH": f"{USER}:{chosen}"},
        url=f"http://{f'[{address}]' if ':' in address else address}:{port}/",
        user=USER,
        password=chosen,
        generated=not password,
    )


def _argv(address: str, port: int) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "celery", "--app", "producer.flower_app", "flower"),
        *(f"--address={address}", f"--port={port}", f"--max-tasks={MAX_TASKS}"),
        # An empty file, because Flower executes any flowerconfig.py in the current folder, and that one may take the
        # password away again.
        f"--conf={os.devnull}",
    )


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

"""`flower`: the queue monitor, never without a password."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from producer.cli.output import say
from producer.cli.parameters import DeploymentOption  # noqa: TC001 - typer reads annotations at run time


def flower(
    *,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port to listen on.")] = 5555,
    address: Annotated[
        str, typer.Option(help="The address to listen on; other than loopback only with FLOWER_PASSWORD set.")
    ] = "127.0.0.1",
    deployment: DeploymentOption = None,
) -> None:
    """Watch queues and workers in the browser.

    On the broker of REDIS_URL, or of a `cheapfirst run` in this folder. The user is `cheapfirst`; the password is
    FLOWER_PASSWORD, or a new one that is printed once.
    """
    from producer.deployment_file import deployment_for
    from producer.flower import flower_command
    from producer.services import with_running_broker
    from routing.errors import UsageError
    from workers.settings import read_settings

    settings = with_running_broker(read_settings())
    if settings.redis_url is None:
        raise UsageError("There is no broker to watch.", "Set REDIS_URL, or start this while `cheapfirst run` goes on.")
    file, _ = deployment_for(settings, deployment)
    password = settings.key("FLOWER_PASSWORD")
    command = flower_command(
        settings.redis_url.get_secret_value(),
        password=password.get_secret_value() if password else "",
        address=address,
        port=port,
    )
    say(f"Flower is at {command.url} for the user {command.user}")
    if command.generated:
        say(f"Its password, told only now: {command.password}")
    # This process becomes Flower, so that signals reach it and it ends with its terminal.
    environment = settings.environment() | {"CHEAPFIRST_DEPLOYMENT": str(file)} | dict(command.environment)
    os.execve(command.argv[0], command.argv, environment)  # noqa: S606 - our own command, and no shell reads it

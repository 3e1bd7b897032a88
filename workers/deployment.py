"""Finding and reading the deployment file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routing.deployment import DeploymentSpec, ServerSpec
from routing.deployment_file import parse_deployment_file
from routing.errors import InvalidFileError, Problem, UsageError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "cheapfirst.yaml"
MAX_FILE_BYTES = 1024 * 1024


def find_deployment(
    explicit: Path | None, from_environment: Path | None, task_folder: Path | None, working_directory: Path
) -> Path:
    """Return the deployment file: the one named, else the environment's, else the one here, else the task's own.

    A task folder may also be given as its task file. Raises UsageError where there is none, naming the places.
    """
    for named, how in ((explicit, "--deployment"), (from_environment, "CHEAPFIRST_DEPLOYMENT")):
        if named is not None:
            if not named.is_file():
                raise UsageError(f"There is no deployment file {named}, which {how} names.")
            return named
    places = [working_directory / FILE_NAME]
    if task_folder is not None:
        places.append((task_folder if task_folder.is_dir() else task_folder.parent) / FILE_NAME)
    for place in places:
        if place.is_file():
            return place
    looked = " or ".join(str(place) for place in places)
    raise UsageError(f"There is no deployment file: looked for {looked}.", "`cheapfirst init` writes one.")


def read_deployment(path: Path) -> DeploymentSpec:
    """Read a deployment file; paths in it are relative to its folder. Raises InvalidFileError with every mistake."""
    try:
        raw = path.read_bytes()[: MAX_FILE_BYTES + 1]
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidFileError([Problem(str(path), 1, 1, "it is not UTF-8", "save it as UTF-8")]) from None
    except OSError as error:
        raise InvalidFileError([Problem(str(path), 0, 0, f"it cannot be read: {error.strerror}")]) from None
    spec = parse_deployment_file(text, str(path))
    folder = path.parent.resolve()
    servers = {
        name: ServerSpec(
            name=name,
            engines=str(folder / server.engines) if server.engines else "",
            recordings=str(folder / server.recordings) if server.recordings else "",
        )
        for name, server in spec.servers.items()
    }
    return spec.model_copy(update={"servers": servers})

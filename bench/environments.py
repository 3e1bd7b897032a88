"""An environment for each contender, made once from its hash-pinned file and used again while that file is the same."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from bench.stage import HERE

ENVIRONMENTS = HERE / ".environments"


def python_of(name: str) -> Path:
    """Return the Python of the environment that `contenders/NAME.txt` describes."""
    locked = HERE / "contenders" / f"{name}.txt"
    wanted = hashlib.sha256(locked.read_bytes()).hexdigest()
    folder = ENVIRONMENTS / name
    python, mark = folder / "bin" / "python", folder / "made-from"
    if not mark.exists() or mark.read_text() != wanted:
        uv = str(Path(sys.executable).parent / "uv")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "--requirement", locked]
        subprocess.run(install, check=True)
        mark.write_text(wanted)
    return python

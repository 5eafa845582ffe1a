"""Put DeepSpeed into a folder of its own, for the tests that train with it.

It stands apart from .venv, since whatever imports accelerate would load it, too. Run again it does
nothing. Nothing of it is compiled.
"""

import os
import subprocess
import sys
from pathlib import Path

VERSION = "0.19.8"
# What it imports and .venv has not; it names no versions of these.
NEEDED = ("einops==0.8.2", "hjson==3.1.0", "msgpack==1.2.4", "ninja==1.13.2", "py-cpuinfo==9.0.0")
FOLDER = Path(__file__).resolve().parent.parent / ".venv-deepspeed"
REASON = "no DeepSpeed: run `python tests/get_deepspeed.py`, and see why it cannot install"


def find_deepspeed() -> Path | None:
    """Give the folder that holds it, for PYTHONPATH."""
    return FOLDER if _stamp().exists() else None


def main() -> int:
    """Install it if it is not there; without it its tests are skipped."""
    if find_deepspeed():
        return 0
    print(f"Installing DeepSpeed {VERSION} into {FOLDER.name} (once) ...")
    sys.stdout.flush()
    try:
        _install("setuptools", "wheel")
        _install("--no-build-isolation", f"deepspeed=={VERSION}", *NEEDED)
        _stamp().touch()
    except subprocess.CalledProcessError as error:
        print(f"{error}\nThe tests that need DeepSpeed will be skipped.", file=sys.stderr)
    return 0


def _install(*arguments: str) -> None:
    pip = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", "install"]
    # Its build looks for torch, which is in .venv, and for setuptools, which may not be.
    environment = {**os.environ, "DS_BUILD_OPS": "0", "PYTHONPATH": str(FOLDER)}
    subprocess.run(
        [*pip, "--no-deps", "--target", str(FOLDER), *arguments], check=True, env=environment
    )


def _stamp() -> Path:
    return FOLDER / f"installed-{VERSION}"


if __name__ == "__main__":
    sys.exit(main())

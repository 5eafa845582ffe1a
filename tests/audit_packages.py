"""Ask pip-audit what is known against the pinned packages: `make audit`.

It has an environment of its own, so that nothing of it gets among what Kurabe runs with.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv-audit"
PINNED = ROOT / "constraints.txt"
WEAK, NOT_ASKED = 1, 2


def main() -> int:
    """Audit constraints.txt; 0: nothing is known, 1: something is, 2: nobody could be asked."""
    try:
        python = _install()
    except subprocess.CalledProcessError as error:
        print(f"pip-audit could not be installed: {error}", file=sys.stderr)
        return NOT_ASKED
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        ended = subprocess.run(
            [python, "-m", "pip_audit", "--requirement", PINNED, "--no-deps", "--disable-pip",
             "--progress-spinner", "off", "--format", "json", "--output", report],
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if not report.exists():
            reason = (ended.stderr.strip().splitlines() or ["it gave no reason"])[-1]
            print(f"The database of pip-audit could not be reached: {reason}", file=sys.stderr)
            return NOT_ASKED
        text, status = tell(json.loads(report.read_text("utf-8")))
    print(text, file=sys.stderr if status else sys.stdout)
    return status


def tell(report: Mapping[str, Any]) -> tuple[str, int]:
    """Say what a report of pip-audit comes to, and the status to end with."""
    packages = report["dependencies"]
    skipped = [each for each in packages if "skip_reason" in each]
    if packages and len(skipped) == len(packages):
        reason = skipped[0]["skip_reason"]
        return f"The database of pip-audit knows none of the packages here: {reason}", NOT_ASKED
    weak = [
        f"{each['name']} {each['version']}: {found['id']}, mended in "
        + (", ".join(found["fix_versions"]) or "no version yet")
        for each in packages
        for found in each.get("vulns", [])
    ]
    told = [f"{each['name']} was not looked at: {each['skip_reason']}" for each in skipped]
    if weak:
        return "\n".join([*told, *weak]), WEAK
    n_asked = len(packages) - len(skipped)
    return "\n".join([*told, f"Nothing is known against {n_asked} packages."]), 0


def _install() -> Path:
    python = FOLDER / "bin" / "python"
    if not (FOLDER / "bin" / "pip-audit").exists():
        print(f"Installing pip-audit into {FOLDER.name} (once) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True)
        pip = [python, "-m", "pip", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "pip-audit"], check=True)
    return python


if __name__ == "__main__":
    sys.exit(main())

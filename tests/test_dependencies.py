"""What is installed is what was tested together: constraints.txt pins all of it."""

import re
from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.audit_packages import tell
from tests.conftest import ROOT

PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")


def needed_by(name: str, extras: set[str], found: dict[str, str]) -> None:
    """Gather the version of each package that a package needs here, and so on."""
    known = distribution(name)
    for text in known.requires or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras | {""}):
            continue
        needed = canonicalize_name(requirement.name)
        is_new = needed not in found
        if is_new or requirement.extras:
            found[needed] = distribution(needed).version
            if is_new:
                needed_by(needed, set(requirement.extras), found)


def test_every_package_that_kurabe_needs_is_pinned() -> None:
    pinned = {
        canonicalize_name(match[1]): match[2]
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if (match := PIN.match(line))
    }
    found: dict[str, str] = {}
    needed_by("kurabe", {"dev"}, found)
    assert len(found) > 80
    lacking = sorted(set(found) - set(pinned))
    assert not lacking, f"constraints.txt pins no version of {', '.join(lacking)}"


def test_audit_says_what_is_weak_and_where_nobody_could_be_asked() -> None:
    fine = {"name": "nh3", "version": "0.3", "vulns": []}
    weak = {"name": "django", "version": "5.2", "vulns": [
        {"id": "PYSEC-1", "fix_versions": ["5.2.3"]}, {"id": "PYSEC-2", "fix_versions": []},
    ]}  # fmt: skip
    unknown = {"name": "kurabe", "skip_reason": "not found"}
    assert tell({"dependencies": [fine]}) == ("Nothing is known against 1 packages.", 0)
    assert tell({"dependencies": [fine, weak]}) == (
        "django 5.2: PYSEC-1, mended in 5.2.3\ndjango 5.2: PYSEC-2, mended in no version yet", 1
    )  # fmt: skip
    text, status = tell({"dependencies": [unknown, fine]})
    assert (text.splitlines()[0], status) == ("kurabe was not looked at: not found", 0)
    text, status = tell({"dependencies": [unknown]})
    assert (text, status) == (
        "The database of pip-audit knows none of the packages here: not found",
        2,
    )

"""The page for operators names every setting, and its files are ones that their programs read."""

import ast
import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

SETTINGS = ROOT / "annotate" / "settings.py"
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
FILES = ROOT / "docs" / "deploy"
UNITS = sorted(FILES.glob("*.service"))
READERS = {"env_str", "env_bool", "env_list", "env_int", "env_choice"}


def names_read(source: str) -> dict[str, ast.expr | None]:
    """Give the environment's names that settings read, each with the expression of its default."""
    tree = ast.parse(source)
    names: dict[str, ast.expr | None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            first = node.args[0]
            if called in READERS and isinstance(first, ast.Constant):
                names[first.value] = default_of(node, 2 if called == "env_choice" else 1)
                if called == "env_str":
                    names[f"{first.value}_FILE"] = names[first.value]
            elif called == "os.environ.get" and isinstance(first, ast.Constant):
                names[first.value] = default_of(node, 1)
            elif called == "os.environ.get" and isinstance(first, ast.JoinedStr):
                # One for each engine; the names that readers are given are f-strings too.
                prefix = first.values[0]
                if isinstance(prefix, ast.Constant):
                    names |= {f"{prefix.value}{engine}": None
                              for engine in ("VLLM", "OPENAI", "TRANSFORMERS")}  # fmt: skip
    return names


def default_of(node: ast.Call, place: int) -> ast.expr | None:
    """Give the default of a setting, by its place or name."""
    for keyword in node.keywords:
        if keyword.arg == "default":
            return keyword.value
    return node.args[place] if len(node.args) > place else ast.Constant("")


def names_told(page: str) -> dict[str, str]:
    """Give the names in the table of settings, each with its default as it is written."""
    table = page.split("## Settings")[1].split("\n## ")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    return {name: default.strip() for names, default in rows
            for name in re.findall(r"`([A-Z_]+)`", names)}  # fmt: skip


def test_table_has_every_setting_and_no_other() -> None:
    read, told = set(names_read(SETTINGS.read_text(encoding="utf-8"))), set(names_told(PAGE))
    assert len(read) > 30
    assert {"missing": read - told, "none of ours": told - read} == {
        "missing": set(),
        "none of ours": set(),
    }


def test_setting_that_is_missing_would_be_found() -> None:
    """The test above can fail."""
    read = names_read('A = env_str("ONE")\nB = os.environ.get("TWO", "2")\nC = env_int("THREE", 3)')
    assert set(read) == {"ONE", "ONE_FILE", "TWO", "THREE"}
    assert names_told("## Settings\n| `ONE`, `ONE_FILE` | `1` | x |\n## Next\n| `TWO` | | |") == {
        "ONE": "`1`",
        "ONE_FILE": "`1`",
    }


def test_table_tells_each_default_as_it_is() -> None:
    told = names_told(PAGE)
    wrong = {}
    for name, default in names_read(SETTINGS.read_text(encoding="utf-8")).items():
        try:
            value = ast.literal_eval(default) if default is not None else ""
        except ValueError:
            continue  # worked out: the table says how
        text = ",".join(value) if isinstance(value, list) else str(value)
        if (f"`{text}`" not in told[name]) if text else (told[name].startswith("`")):
            wrong[name] = (told[name], text)
    assert wrong == {}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_unit_runs_a_command_that_there_is(unit: Path) -> None:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text(encoding="utf-8"))
    assert parser.sections() == ["Unit", "Service", "Install"]
    python, manage, command, *words = parser["Service"]["ExecStart"].split()
    assert (python, manage) == ("/opt/kurabe/.venv/bin/python", "manage.py")
    path = ROOT / "annotate" / "management" / "commands" / f"{command}.py"
    source = path.read_text(encoding="utf-8")
    assert all(f'"{word}"' in source for word in words if word.startswith("--"))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_unit_is_one_that_systemd_reads(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text(encoding="utf-8").replace("/opt/kurabe/.venv/bin/python", sys.executable)
    text = text.replace("/opt/kurabe", str(tmp_path)).replace("User=kurabe", "User=root")
    copy = tmp_path / unit.name.replace("@.", "@0.")
    copy.write_text(text.replace("Group=kurabe", "Group=root"))
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(copy)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    said = [line for line in ended.stderr.splitlines() if unit.stem.split("@")[0] in line]
    assert (ended.returncode, said) == (0, []), ended.stderr


def test_environment_sets_what_there_is() -> None:
    lines = (FILES / "kurabe.env").read_text(encoding="utf-8").splitlines()
    names = [line.split("=")[0] for line in lines if line and not line.startswith("#")]
    assert set(names) <= set(names_read(SETTINGS.read_text(encoding="utf-8")))
    assert len(names) == len(set(names)) > 10


def test_alerts_ask_for_figures_that_there_are() -> None:
    exposition = ROOT / "annotate" / "services" / "operating" / "exposition.py"
    source = exposition.read_text(encoding="utf-8")
    (group,) = yaml.safe_load((FILES / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    assert len(group["rules"]) > 8
    for rule in group["rules"]:
        assert {"alert", "expr", "annotations"} <= set(rule)
        for name in re.findall(r"\bkurabe_(\w+)", rule["expr"]):
            base = re.sub(r"_(bucket|count)$", "", name)
            assert f'"{base}"' in source or f'"kurabe_{base}"' in source, rule["alert"]


@pytest.mark.parametrize("name", ["Caddyfile", "nginx.conf"])
def test_proxy_hands_on_what_the_site_reads(name: str) -> None:
    text = (FILES / name).read_text(encoding="utf-8")
    assert text.count("{") == text.count("}")
    assert "127.0.0.1:8000" in text
    assert "X-Request-ID" in text
    assert "/metrics" in text or "metrics|readyz" in text


def test_every_file_is_named_on_the_page() -> None:
    assert [path.name for path in FILES.iterdir() if f"deploy/{path.name})" not in PAGE] == []

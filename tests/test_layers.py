"""Imports run one way, and the web process never loads torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "transformers", "vllm", "trl", "peft", "accelerate", "datasets"}

# What each room may import of the others; everything that is not named is forbidden.
PURE = ("annotate.ranking", "annotate.generation", "annotate.formats")
MAY_IMPORT = {
    "annotate.ranking": {"annotate.ranking"},
    # One tokenizer loader for both: a model is trained on the ids that it was sampled with.
    "annotate.generation": {"annotate.generation", "training.tokenizing"},
    "annotate.formats": {"annotate.formats"},
    "annotate.rendering": {"annotate.rendering"},
    "annotate.demo": {"annotate.demo", "annotate.generation", "annotate.formats"},
    "annotate.models": {"annotate.models"},
    "annotate.postgres": {"annotate.postgres"},
    "annotate.services": {
        "annotate.services", "annotate.models", *PURE, "annotate.demo", "annotate.logs",
        "annotate.postgres.tools",
        "training.config", "training.data", "training.licences", "training.run_files",
        "training.presets",
    },
    "annotate.tasks": {"annotate.services", "annotate.models"},
    "annotate.views": {
        "annotate.views", "annotate.services", "annotate.models", "annotate.forms",
        "annotate.permissions", "annotate.rendering", "annotate.templatetags",
        "annotate.sending", "annotate.quotas",
    },
    # The names of prompt formats, presets and sampling parameters are those of `generation`.
    "annotate.forms": {
        "annotate.forms", "annotate.services", "annotate.models", "annotate.generation",
    },
    "annotate.permissions": {"annotate.models"},
    "annotate.sending": set(),
    "annotate.middleware": {"annotate.services", "annotate.logs"},
    "annotate.sessions": {"annotate.services", "annotate.models"},
    "annotate.settings": {"annotate.logs"},
    "annotate.quotas": set(),
    "annotate.templatetags": {
        "annotate.models", "annotate.permissions", "annotate.rendering", "annotate.services",
    },
    "annotate.admin": {
        "annotate.admin", "annotate.models", "annotate.permissions", "annotate.forms",
    },
    "annotate.api": {
        "annotate.api", "annotate.services", "annotate.models", "annotate.permissions",
        "annotate.formats", "annotate.sending", "annotate.quotas",
    },
    "annotate.urls": {"annotate.api", "annotate.views"},
    "annotate.management": {
        "annotate.management", "annotate.services", "annotate.models", *PURE, "annotate.demo",
        "annotate.postgres", "training.tokenizing",
    },
    # 0006 looks through older texts as every newer one is: by the words that are known now.
    "annotate.migrations": {"annotate.models", "annotate.migrations", "annotate.generation"},
    "training": {"training"},
}  # fmt: skip
WITHOUT_DJANGO = {"annotate.ranking", "annotate.generation", "annotate.formats", "annotate.demo",
                  "annotate.rendering", "training"}  # fmt: skip
# Start-up files, which import nothing of the house.
ALONE = {"annotate", "annotate.apps", "annotate.wsgi", "annotate.logs", "annotate.checks",
         "annotate.compression", "annotate.headers", "annotate.static_files"}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module of the house with its file."""
    for package in ("annotate", "training"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(tree: ast.AST, *, top_level_only: bool = False) -> Iterator[str]:
    """Yield the names that a module imports, `package.module` each."""
    for node in _statements(tree) if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs at import: everything outside functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _statements(node)


def room_of(module: str) -> str | None:
    """Give the room that a module stands in."""
    return next((room for room in MAY_IMPORT if is_in(module, room)), None)


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def arrows_back(module: str, tree: ast.AST) -> list[str]:
    """List the imports of `module` that its room may not make."""
    room = room_of(module)
    if room is None:
        return [name for name in imports(tree) if is_in(name, "annotate") and module in ALONE]
    allowed = MAY_IMPORT[room]
    house = [name for name in imports(tree) if is_in(name, "annotate") or is_in(name, "training")]
    # `from annotate import x` names the package alone too, which holds nothing.
    return [
        name
        for name in house
        if name not in ("annotate", "training") and not any(is_in(name, room) for room in allowed)
    ]


@pytest.mark.parametrize(
    ("module", "path"), [pytest.param(*each, id=each[0]) for each in modules()]
)
def test_imports_run_one_way(module: str, path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert room_of(module) or module in ALONE, f"{module} stands in no room of this test"
    assert arrows_back(module, tree) == []
    if room_of(module) in WITHOUT_DJANGO:
        assert [n for n in imports(tree) if n.split(".")[0] in ("django", "procrastinate")] == []
    if is_in(module, "annotate"):
        heavy = [n for n in imports(tree, top_level_only=True) if n.split(".")[0] in HEAVY]
        assert heavy == []


def test_arrow_back_is_found() -> None:
    """The test above can fail."""
    tree = ast.parse("from annotate.services import voting\nimport annotate.models.votes")
    assert arrows_back("annotate.ranking.fit", tree) == [
        "annotate.services",
        "annotate.services.voting",
        "annotate.models.votes",
    ]


def test_web_process_loads_no_torch() -> None:
    program = (
        "import sys; import annotate.wsgi; from django.urls import get_resolver;"
        "get_resolver().url_patterns;"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"

"""The doctor's look at disk, GPU and models."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from annotate.generation.engines.model_files import check_folder
from annotate.generation.rows import JobError
from annotate.models import Candidate, SelectionRun
from annotate.services.operating.findings import Finding, failure, gibibytes, ok, warning
from annotate.services.operating.machine import read_disk, try_to_write

TIMEOUT_S = 120
FOLDERS = ("logs", "exports", "datasets", "generation", "training")
LEAST_FREE_BYTES, LEAST_FREE_SHARE = 2**29, 0.10
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt",
                    "tokenizer_config.json", "*.tiktoken")  # fmt: skip
_ASK_TORCH = (
    "import json, torch;"
    "print(json.dumps({'torch': torch.__version__, 'cuda': torch.version.cuda,"
    " 'gpus': [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]}))"
)


def examine_disk() -> Iterator[Finding]:
    """Look at the room under KURABE_HOME, and whether it can be written."""
    disk = read_disk()
    said = f"{gibibytes(disk.free_bytes)} of {gibibytes(disk.total_bytes)} free under {disk.path}"
    if disk.free_bytes < LEAST_FREE_BYTES:
        yield failure("disk", said, "make room now: a full disk stops an embedded database")
    elif disk.free_share < LEAST_FREE_SHARE:
        yield warning("disk", said, "make room, or move KURABE_HOME to a larger disk")
    else:
        yield ok("disk", said)
    refusals = []
    for folder in (disk.path, *(disk.path / name for name in FOLDERS)):
        if folder.exists():
            try:
                try_to_write(folder)
            except OSError as error:
                refusals.append(f"{folder}: {error.strerror}")
    if refusals:
        advice = "give the account that runs the site the right to write there"
        yield failure("disk writes", "; ".join(refusals), advice)
    else:
        yield ok("disk writes", "KURABE_HOME can be written")


def examine_gpu() -> Iterator[Finding]:
    """Ask torch, in a process of its own, what it sees; and the Pythons of engines, if any."""
    smi = shutil.which("nvidia-smi")
    answer = _ask(sys.executable, _ASK_TORCH)
    if isinstance(answer, str):
        yield failure("torch", answer, "install the site's packages anew: make setup")
        return
    cards = answer["gpus"]
    if cards:
        yield ok("gpu", f"torch {answer['torch']} sees {len(cards)}: {', '.join(cards)}")
    elif smi and _has_card(smi):
        yield failure(
            "gpu", f"the driver has a GPU, and torch {answer['torch']} sees none",
            "look at CUDA_VISIBLE_DEVICES; torch is built for CUDA"
            f" {answer['cuda'] or 'nothing: a build for CPUs'}, which the driver must know",
        )  # fmt: skip
    elif "gpu" in settings.WORKER_QUEUES:
        yield ok("gpu", "none here: generation and training run on the CPU, by endpoints, or on"
                        " workers elsewhere")  # fmt: skip
    for engine, python in sorted(settings.ENGINE_PYTHON.items()):
        module = {"openai": "httpx"}.get(engine, engine)
        answer = _ask(python, f"import json, {module} as m; print(json.dumps(m.__version__))")
        name = f"KURABE_PYTHON_{engine.upper()}"
        if isinstance(answer, str) and answer.startswith("error: "):
            yield failure(name, answer, f"install {module} for {python}")
        else:
            yield ok(name, f"{module} {answer}")


def examine_models() -> Iterator[Finding]:
    """Look whether each folder is there that a candidate of a run that goes on names."""
    going_on = (SelectionRun.State.DRAFT, SelectionRun.State.GENERATING, SelectionRun.State.VOTING)
    local = (Candidate.Engine.VLLM, Candidate.Engine.TRANSFORMERS)
    names = Candidate.objects.filter(run__state__in=going_on, engine__in=local)
    models = sorted(set(names.values_list("model", flat=True)) - {""})
    n_folders = 0
    for model in models:
        try:
            check_folder(model)
            n_folders += Path(model).is_dir()
        except JobError as error:
            yield failure("model", str(error), "put it there, or mount it, on each GPU worker")
            continue
        except PermissionError as error:
            yield failure("model", f"{model}: {error.strerror}", "let this account read it")
            continue
        if finding := _examine_tokenizer(Path(model)):
            yield finding
    n_hub = len(models) - n_folders
    if "gpu" not in settings.WORKER_QUEUES:
        return
    yield ok("models", f"{n_folders} folders looked at; {n_hub} by other names, as on a hub")


def _examine_tokenizer(folder: Path) -> Finding | None:
    if not folder.is_dir():
        return None
    unreadable = [path.name for path in folder.iterdir() if not os.access(path, os.R_OK)]
    if unreadable:
        said = f"{folder}: {', '.join(sorted(unreadable)[:3])} cannot be read"
        return failure("model", said, "let this account read it")
    if not any(next(folder.glob(pattern), None) for pattern in _TOKENIZER_FILES):
        said = f"{folder} has no tokenizer ({', '.join(_TOKENIZER_FILES[:3])})"
        return failure("model", said, "copy the tokenizer's files beside the weights")
    return None


def _ask(python: str, program: str) -> Any:
    """Run a few words of Python elsewhere, and read the JSON that they print, or "error: ..."."""
    try:
        answer = subprocess.run(
            [python, "-c", program], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"error: {python} cannot be asked: {error}"
    if answer.returncode:
        return f"error: {(answer.stderr.strip().splitlines() or ['it ended'])[-1]}"
    return json.loads(answer.stdout.strip().splitlines()[-1])


def _has_card(smi: str) -> bool:
    try:
        said = subprocess.run(
            [smi, "-L"], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0 and "GPU" in said.stdout

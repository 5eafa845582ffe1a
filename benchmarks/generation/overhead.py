"""What a run costs beyond the bare engine, on the same requests.

    python -m benchmarks.generation.overhead [--engine vllm|transformers] [--pairs 3]
    python -m benchmarks.generation.overhead --gpu [--model ID_OR_FOLDER] [--requests 2000]

Each pair is one run of the bare engine and one of Kurabe, in turns, in processes of their own, the
order changing from pair to pair. The bare engine is a script that hands all messages to the engine
at once and throws the texts away (`benchmarks/generation/bare.py`). Kurabe's is a whole shard of a
run: planned, requests written, the engine's process minded, each completion written to its file,
read, looked at and stored in an embedded PostgreSQL, and the round opened. Counted is the time from
the engine being ready to the end of its process, and for Kurabe to the end of the shard.

On CPU the model is a Llama of 26 M parameters with random weights in float32, and vLLM its CPU
build (tests/get_vllm.py makes it). With --gpu it is one of 1.2 B parameters in bfloat16, or the one
that --model names. On CPU the bare vLLM's loop runs in its script's process, as Kurabe's does,
which is quicker there than vLLM's default; with --gpu it has the default, a process of its own.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from django.db import connection

from annotate.generation.jobs import read_job, write_job
from benchmarks.importing import database
from tests.get_vllm import REASON, find_vllm
from tests.tiny import CORPUS, make_tiny_tokenizer

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
# hidden size, layers, heads
CPU_SHAPE = (512, 8, 8)
GPU_SHAPE = (2048, 22, 16)
CONTEXT = 2048
QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class Timed:
    """Seconds from a ready engine to its end, and what was made in them."""

    seconds: float
    tokens: int


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=("vllm", "transformers"), default="vllm")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--max-tokens", type=int)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--model", default="", help="a folder or an id on a hub, with --gpu")
    options = parser.parse_args()
    options.requests = options.requests or (2000 if options.gpu else 300)
    options.max_tokens = options.max_tokens or (256 if options.gpu else 128)
    os.environ["DJANGO_SETTINGS_MODULE"] = "annotate.settings"
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    choose_python(options)
    with tempfile.TemporaryDirectory(prefix="kurabe-bench-") as folder, database(Path(folder)):
        django.setup()
        model = options.model or str(make_model(Path(folder) / "model", is_gpu=options.gpu))
        print_table(options, measure(options, model))
        connection.close()


def choose_python(options: argparse.Namespace) -> None:
    """Name the Python that has vLLM: on CPU that of the tests, unless another is named."""
    if options.engine != "vllm" or options.gpu or "KURABE_PYTHON_VLLM" in os.environ:
        return
    python = find_vllm()
    if python is None:
        raise SystemExit(f"{REASON}; or measure --engine transformers")
    os.environ["KURABE_PYTHON_VLLM"] = str(python)
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "2")  # GiB


def make_model(folder: Path, *, is_gpu: bool) -> Path:
    """Write a Llama with random weights, and the tests' tokenizer."""
    import torch  # noqa: PLC0415 - the rest needs none
    import transformers  # noqa: PLC0415 - as above

    hidden, layers, heads = GPU_SHAPE if is_gpu else CPU_SHAPE
    tokenizer = make_tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=CONTEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(SEED)
    dtype = torch.bfloat16 if is_gpu else torch.float32
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.save_pretrained(folder)
    return folder


def engine_options(options: argparse.Namespace) -> dict[str, Any]:
    """Give what both are told."""
    dtype = "bfloat16" if options.gpu else "float32"
    if options.engine == "transformers":
        return {"dtype": dtype, "batch_size": 64 if options.gpu else 32}
    if options.gpu:
        return {"dtype": dtype, "max_model_len": CONTEXT}
    return {"dtype": dtype, "max_model_len": CONTEXT, "enforce_eager": True, "max_num_seqs": 64}


def measure(options: argparse.Namespace, model: str) -> list[tuple[Timed, Timed]]:
    """Run bare and Kurabe in turns, as often as asked for; both make the same requests."""
    pairs = []
    for number in range(options.pairs):
        shard = begin_run(f"pair-{number}", options, model)
        job = prepare_job(shard, model)
        steps = [lambda job=job: run_bare(job, options), lambda shard=shard: run_kurabe(shard)]
        first = number % 2
        found = {which: steps[which]() for which in (first, 1 - first)}
        pairs.append((found[0], found[1]))
        say = ", ".join(f"{found[which].seconds:.2f} s" for which in (0, 1))
        print(f"pair {number + 1}: bare and Kurabe {say}", file=sys.stderr, flush=True)
    return pairs


def begin_run(slug: str, options: argparse.Namespace, model: str) -> Any:
    """Store a run with prompts and one candidate, and plan its only shard."""
    from annotate.models import Candidate, Prompt, PromptSet  # noqa: PLC0415  after Django
    from annotate.services import generating, rounds  # noqa: PLC0415  as above

    prompt_set = PromptSet.objects.create(slug=slug)
    Prompt.objects.bulk_create(
        Prompt(
            prompt_set=prompt_set, key=f"p{n:06}", turns=[f"{n}: {CORPUS[n % 4]}"], language="en"
        )
        for n in range(options.requests)
    )
    run = rounds.create_run(slug=slug, prompt_sets=[prompt_set], seed=SEED)
    candidate = Candidate.objects.create(
        run=run,
        name="candidate",
        model=model,
        engine=options.engine,
        engine_options=engine_options(options),
        prompt_format=Candidate.PromptFormat.CHAT_TEMPLATE,
        sampling={"temperature": 1.0, "max_tokens": options.max_tokens},
    )
    round_ = rounds.create_round(run=run, candidates=[candidate])
    generating.ask_for_completions(round_=round_)
    return round_.shards.get()


def prepare_job(shard: Any, model: str) -> Path:
    """Write the shard's job and requests for the bare engine too, in a folder of their own."""
    from django.conf import settings  # noqa: PLC0415  after Django

    from annotate.generation.jobs import GenerationJob, write_requests  # noqa: PLC0415
    from annotate.generation.sampling import Sampling  # noqa: PLC0415
    from annotate.services.shards import find_missing, make_requests  # noqa: PLC0415  as above

    folder = settings.KURABE_HOME / f"bare-{shard.pk}"
    folder.mkdir(parents=True)
    candidate = shard.candidate
    job = GenerationJob(
        engine=candidate.engine,
        model=model,
        requests=folder / "requests.jsonl",
        completions=folder / "completions.jsonl",
        sampling=Sampling.from_dict(candidate.sampling),
        engine_options=candidate.engine_options,
    )
    write_requests(make_requests(shard, find_missing(shard)), job.requests)
    write_job(job, folder / "job.json")
    return folder / "job.json"


def run_bare(job: Path, options: argparse.Namespace) -> Timed:
    """Run the bare engine; its time ends with its process, as a shard's does."""
    from django.conf import settings  # noqa: PLC0415  after Django

    python = settings.ENGINE_PYTHON.get(options.engine) or sys.executable
    command = [python, "-m", "benchmarks.generation.bare", str(job)]
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    if not options.gpu:  # on two cores vLLM's loop is quicker without a process of its own
        environment.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    end = time.time()
    if ended.returncode:
        raise SystemExit(ended.stderr[-4000:])
    said = json.loads(next(x for x in ended.stdout.splitlines() if x.startswith('{"ready"')))
    return Timed(end - said["ready"], said["tokens"])


def run_kurabe(shard: Any) -> Timed:
    """Make the shard as a worker does."""
    from django.conf import settings  # noqa: PLC0415  after Django
    from django.db.models import Sum  # noqa: PLC0415  as above

    from annotate.models import Completion  # noqa: PLC0415  as above
    from annotate.services.generating import generate_shard  # noqa: PLC0415  as above

    folder = settings.KURABE_HOME / "generation" / f"shard-{shard.pk}"
    ready: list[float] = []
    threading.Thread(target=watch_log, args=(folder / "job.log", ready), daemon=True).start()
    generate_shard(shard=shard)
    end = time.time()
    made = Completion.objects.filter(candidate=shard.candidate)
    n_wanted = len(read_job(folder / "job.json").requests.read_text().splitlines())
    assert made.count() == n_wanted, "completions are missing"
    return Timed(end - ready[0], made.aggregate(n=Sum("completion_tokens"))["n"])


def watch_log(log: Path, ready: list[float]) -> None:
    """Note the moment in which the job says that its engine is ready."""
    while not (log.exists() and " is ready after " in log.read_text(errors="replace")):
        time.sleep(0.005)
    ready.append(time.time())


def print_table(options: argparse.Namespace, pairs: list[tuple[Timed, Timed]]) -> None:
    """Print the medians, and the ratio of each pair."""
    kind = "GPU" if options.gpu else "CPU"
    print(
        f"{options.engine} on {kind}, {options.requests} requests, {options.pairs} pairs, medians"
    )
    print(f"{'':<18} {'s':>8} {'tokens':>9} {'tokens/s':>9}")
    for name, which in (("the bare engine", 0), ("Kurabe", 1)):
        seconds = statistics.median(pair[which].seconds for pair in pairs)
        tokens = statistics.median(pair[which].tokens for pair in pairs)
        print(f"{name:<18} {seconds:8.2f} {tokens:9,.0f} {tokens / seconds:9,.0f}")
    ratios = [kurabe.seconds / bare.seconds for bare, kurabe in pairs]
    shown = ", ".join(f"{ratio:.3f}" for ratio in sorted(ratios))
    print(f"Kurabe / bare: median {statistics.median(ratios):.3f} (each pair: {shown})")


if __name__ == "__main__":
    main()

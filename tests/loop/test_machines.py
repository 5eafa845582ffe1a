"""Generation spread over machines: workers with homes of their own, and endpoints."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from django.conf import settings

from annotate.generation.seeds import completion_seed
from annotate.models import Candidate, Completion, GenerationShard, RunPlan, SelectionRun
from annotate.services import generating, rounds
from annotate.services.serving import free_port
from tests import factories as make
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

N_PROMPTS, N_SAMPLES, N_SHARDS = 8, 40, 4
REVIVAL_S = 400  # a minute without a heartbeat, up to a minute to the next look, and the work


@pytest.fixture
def endpoints(tiny_model: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Serve the tiny model twice, and give the processes by their addresses."""
    started = {}
    for _endpoint in range(2):
        port = free_port()
        command = [sys.executable, "-m", "tests.openai_server", str(tiny_model), str(port)]
        started[f"http://127.0.0.1:{port}/v1"] = subprocess.Popen(
            command, cwd=settings.BASE_DIR, text=True
        )
    try:
        for address in started:
            wait_until(lambda: answers(address), seconds=120)  # noqa: B023  waited for at once
        yield started
    finally:
        for process in started.values():
            process.kill()
            process.wait()


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/models").status_code == 200
    except httpx.TransportError:
        return False


def begin_run(endpoints: list[str]) -> SelectionRun:
    """Make a run whose one candidate is asked for at the endpoints, in shards."""
    run = make.make_run(samples_per_prompt=N_SAMPLES, seed=11)
    RunPlan.objects.create(run=run, config={"generation": {"shards": N_SHARDS}})
    for number in range(N_PROMPTS):
        make.make_prompt(run.prompt_sets.get(), turns=[f"What colour is number {number}?"])
    options = {"endpoints": endpoints, "concurrency": 2, "backoff_s": 0.1, "rest_s": 1.0}
    candidate = make.make_candidate(
        run,
        model="tiny",
        engine=Candidate.Engine.OPENAI,
        prompt_format=Candidate.PromptFormat.CHAT_TEMPLATE,
        engine_options=options,
        sampling={"temperature": 0.9, "max_tokens": 24},
    )
    generating.ask_for_completions(round_=rounds.create_round(run=run, candidates=[candidate]))
    return run


def engines_of(home: Path) -> list[psutil.Process]:
    """List the processes that run a job under a worker's home."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if any(str(home) in part for part in process.info["cmdline"] or [])
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def test_a_worker_and_an_endpoint_are_killed_and_every_completion_is_made_once(
    endpoints: dict[str, subprocess.Popen[str]],
    tmp_path: Path,
    start_worker: Callable[..., subprocess.Popen[str]],
) -> None:
    run = begin_run(list(endpoints))
    homes = {name: tmp_path / name for name in ("first", "second")}
    workers = {
        name: start_worker(name=name, one_shot=False, at=home) for name, home in homes.items()
    }
    shards, made = GenerationShard.objects.order_by("pk"), Completion.objects.of_run(run)

    def both_are_at_it() -> bool:
        running = shards.filter(state="running", ready_at__isnull=False)
        return running.values("worker").distinct().count() == 2

    try:
        wait_until(both_are_at_it, seconds=120)
        before = set(made.values_list("pk", flat=True))
        workers["first"].send_signal(signal.SIGKILL)
        next(iter(endpoints.values())).kill()
        workers["first"].wait()
        assert 0 < len(before) < N_PROMPTS * N_SAMPLES
        wait_until(lambda: not engines_of(homes["first"]), seconds=60)
        wait_until(lambda: run.rounds.get().is_open, seconds=REVIVAL_S)
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()
    assert before <= set(made.values_list("pk", flat=True))
    assert sorted(made.values_list("prompt__key", "sample", "seed")) == sorted(
        (prompt.key, sample, seed_of(run, f"{prompt.prompt_set.slug}/{prompt.key}", sample))
        for prompt in run.prompts()
        for sample in range(N_SAMPLES)
    )
    assert {shard.state for shard in shards} == {"done"}
    assert sorted(shards.values_list("attempt", flat=True))[-1] == 2
    assert sum(shards.values_list("n_stored", flat=True)) == N_PROMPTS * N_SAMPLES


def seed_of(run: SelectionRun, prompt: str, sample: int) -> int:
    name = run.candidates.get().name
    return completion_seed(run_seed=run.seed, candidate=name, prompt=prompt, sample=sample)

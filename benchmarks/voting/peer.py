"""A peer beside Kurabe: Potato, from its package, in an environment of its own.

Its server is the one that its command starts. A cycle is what its page sends for a vote: the
choice, then the wish for the next pair, whose page comes back. It is given 2,000 pairs of texts as
the floor's are, and no vote is there before.
"""

import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from annotate.services import serving
from benchmarks.voting.processors import Processors
from benchmarks.voting.texts import Texts

PACKAGE = "potato-annotation"
N_PAIRS = 2_000
INSTALL_TIMEOUT_S = 900
INSTANCE = re.compile(r'<input[^>]*name="instance_id"[^>]*value="([^"]+)"')
SCHEME = "better"


class NotMeasured(Exception):
    """The peer cannot be measured here; the text says why."""


def measure(home: Path, *, seconds: int, volunteers: tuple[int, ...]) -> dict[str, Any]:
    """Install the peer unless it is there, and measure it with each number of volunteers.

    Raises:
        NotMeasured: it did not install, or did not start.
    """
    program = install(home / "peer")
    figures = {}
    for n in volunteers:
        with running(program, home / "peer" / "work") as (url, pid):
            figures[str(n)] = drive(url, pid, n, seconds)
    return figures


def install(folder: Path) -> Path:
    """Give the path of the peer's command, in an environment that is made where there is none."""
    program = folder / "venv" / "bin" / "potato"
    if not program.exists():
        shutil.rmtree(folder / "venv", ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(folder / "venv"))
        _run(str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", PACKAGE)
    return program


def _run(*command: str) -> None:
    try:
        subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise NotMeasured(f"it was not installed within {INSTALL_TIMEOUT_S} s") from error
    except subprocess.CalledProcessError as error:
        raise NotMeasured(error.stderr.strip().splitlines()[-1]) from error


@contextmanager
def running(program: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """Start the peer's server on new work, and give its address and process id."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_work(folder)
    port = serving.free_port()
    command = [str(program), "start", "config.yaml", "-p", str(port)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_answers(url, process)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_answers(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + serving.START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url, timeout=20)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise NotMeasured("its server did not start; see peer/work/server.log")


def write_work(folder: Path) -> None:
    """Write its configuration, and pairs of texts to compare."""
    texts = Texts(0)
    with (folder / "data.jsonl").open("w", encoding="utf-8") as file:
        for number in range(N_PAIRS):
            tag = "ja" if number % 5 in (1, 3) else "en"
            two = [texts.reply(tag, f"{number}-{side}") for side in "ab"]
            row = {"id": f"i{number}", "text": two, "prompt": texts.prompt(tag)}
            file.write(f"{json.dumps(row)}\n")
    # JSON is YAML.
    config = {
        "annotation_task_name": "Which answer is better?",
        "task_dir": ".",
        "output_annotation_dir": "out",
        "data_files": ["data.jsonl"],
        "item_properties": {"id_key": "id", "text_key": "text"},
        "user_config": {"allow_all_users": True, "users": []},
        "require_password": False,
        "assignment_strategy": "random",
        "max_annotations_per_user": N_PAIRS,
        "annotation_schemes": [
            {
                "annotation_type": "pairwise",
                "name": SCHEME,
                "description": "Which answer is better?",
                "mode": "binary",
                "items_key": "text",
            }
        ],
    }
    (folder / "config.yaml").write_text(json.dumps(config, indent=1), encoding="utf-8")


class Voter:
    """Somebody who votes there, with cookies and a kept connection."""

    def __init__(self, url: str, name: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=60, follow_redirects=True)
        self._client.post("/auth", data={"email": name, "pass": ""})
        self._read(self._client.get("/annotate"))

    def vote(self) -> float:
        """Send a choice and ask for the next pair; give the milliseconds of both."""
        begun = time.perf_counter()
        told = {"instance_id": self._shown, "annotations": {f"{SCHEME}:::A": "A"}}
        saved = self._client.post("/updateinstance", json=told)
        if saved.status_code != 200:
            raise NotMeasured(f"a vote was refused: {saved.text[:200]}")
        wish = {"action": "next_instance", "instance_id": self._shown}
        answer = self._client.post("/annotate", json=wish)
        took_ms = 1000 * (time.perf_counter() - begun)
        before = self._shown
        self._read(answer)
        if self._shown == before:
            raise NotMeasured("the same pair came again after a vote")
        return took_ms

    def _read(self, answer: httpx.Response) -> None:
        found = INSTANCE.search(answer.text)
        if found is None:
            raise NotMeasured(f"no pair came (status {answer.status_code})")
        self._shown = found[1]


def drive(url: str, pid: int, n: int, seconds: int) -> dict[str, Any]:
    """Have so many vote at once for a while."""
    voters = [Voter(url, f"voter-{number}") for number in range(n)]
    processors = Processors({"web": pid})
    before = processors.seconds()["web"]
    begun = time.monotonic()
    ends = begun + seconds

    def vote_on(voter: Voter) -> list[float]:
        ms = []
        while time.monotonic() < ends:
            ms.append(voter.vote())
        return ms

    with ThreadPoolExecutor(n) as pool:
        ms = [each for own in pool.map(vote_on, voters) for each in own]
    took_s = time.monotonic() - begun
    spent_s = processors.seconds()["web"] - before
    quantiles = statistics.quantiles(ms, n=100, method="inclusive")
    return {
        "cycles_per_s": len(ms) / took_s,
        "median_ms": quantiles[49],
        "p95_ms": quantiles[94],
        "cpu_ms_per_cycle": {"web": 1000 * spent_s / len(ms)},
    }

"""Whether the time to a page tells whose answers it shows, or what the comparison is for.

    python -m benchmarks.blind_timing

Two candidates give texts of one shape. Comparisons that differ only in who stands left, or only in
what they are for, are asked for in turn, in an order drawn anew each time. The differences to the
first kind are taken turn by turn; the intervals (95 %) are of their median, by order statistics.
"""

import atexit
import os
import shutil
import tempfile
import time
from itertools import product
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="kurabe-timing-"))
# Registered first, so run last: after the embedded PostgreSQL under it has stopped.
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.pop("DATABASE_URL", None)
os.environ.update(KURABE_HOME=str(HOME), DJANGO_SETTINGS_MODULE="annotate.settings")

import django  # noqa: E402  it reads the home that was just made

django.setup()

import numpy as np  # noqa: E402  as above
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from scipy import stats  # noqa: E402

from annotate.models import Round  # noqa: E402
from tests import factories as make  # noqa: E402

REPEATS = 150
TEXT = "An answer with **bold** words, `code` and $x^2$.\n\n- one\n- two\n" * 8
WARM_UP = 10
LEVEL = 0.95
KINDS = {
    f"{purpose}, the first candidate {side}": {"purpose": purpose, "side_a": side}
    for purpose, side in product(("ranking", "gold", "repeat"), ("left", "right"))
}


def main() -> None:
    """Fill a scratch database, ask for pages in turn, and print one table."""
    call_command("migrate", verbosity=0)
    pages = {name: _page(**kind) for name, kind in KINDS.items()}
    clocks = {"of the clock": time.perf_counter, "of the processor": time.process_time}
    taken = {clock: {name: np.zeros(REPEATS) for name in pages} for clock in clocks}
    rng = np.random.default_rng(0)
    for number in range(-WARM_UP, REPEATS):  # what comes first pays for imports and caches
        for name in map(str, rng.permutation(list(pages))):
            client, address = pages[name]
            start = {clock: read() for clock, read in clocks.items()}
            assert client.get(address).status_code == 200
            for clock, read in clocks.items():
                if number >= 0:
                    taken[clock][name][number] = 1000 * (read() - start[clock])
    for clock, times in taken.items():
        print(f"| comparison | median ms {clock} | to the first |\n|---|---|---|")
        first = next(iter(times.values()))
        for name, of_name in times.items():
            print(f"| {name} | {np.median(of_name):.2f} | {_difference(of_name - first)} |")


def _page(*, purpose: str, side_a: str) -> tuple[Client, str]:
    """Lease a comparison of a new run to a volunteer who is signed in."""
    round_: Round = make.make_open_round(n_prompts=0)
    prompt = make.make_prompt(round_.run.prompt_sets.get())
    a, b = (
        make.make_completion(candidate, prompt, replies=[f"{TEXT}{number}"])
        for number, candidate in enumerate(round_.candidates.order_by("id"))
    )
    user = make.make_volunteer(round_.run)
    also = {"gold": {"gold": make.make_gold_pair(round_.run)}}.get(purpose, {})
    if purpose == "repeat":
        earlier = make.make_annotator()
        also = {"repeats": make.make_comparison(a, b, round_=round_, annotator=earlier)}
    make.make_comparison(
        a, b, round_=round_, annotator=user.annotator, side_a=side_a, purpose=purpose, **also
    )
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client, f"/rate/{round_.run.slug}/"


def _difference(differences: np.ndarray) -> str:
    if not differences.any():
        return "–"
    ordered = np.sort(differences)
    rank = int(stats.binom.ppf((1 - LEVEL) / 2, len(ordered), 0.5))
    low, high = ordered[rank - 1], ordered[-rank]
    return f"{np.median(ordered):+.2f} ({low:+.2f} to {high:+.2f})"


if __name__ == "__main__":
    main()

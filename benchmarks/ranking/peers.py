"""Other libraries' strengths from the same integer columns, for `speed.py`."""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import evalica
import numpy as np
import pandas as pd

from annotate.ranking.arrays import AnyIntArray, FloatArray

Fit = Callable[[], FloatArray]
WINNERS = np.array(
    [evalica.Winner.X, evalica.Winner.Y, evalica.Winner.Draw, evalica.Winner.Draw], dtype=np.uint8
)
LABELS = np.array(["model_a", "model_b", "tie", "both_bad"], dtype=object)
# The release on PyPI writes every vote as two dense rows of floats: more than this is not tried.
_MOST_BYTES = 4 * 10**9
_MODULE = "fastchat.serve.monitor.rating_systems"


@dataclass(frozen=True)
class Peer:
    """What is timed, and a fit that returns strengths in order of candidate, on any scale."""

    name: str
    fit: Fit | None
    why_not: str = ""


def make_peers(
    columns: dict[str, AnyIntArray], n_candidates: int, fastchat: Path | None
) -> list[Peer]:
    """Return the peers; what each takes beside the columns is made here, and not timed."""
    frame = pd.DataFrame(
        {
            "model_a": columns["candidate_a"],
            "model_b": columns["candidate_b"],
            "winner": LABELS[columns["outcome"]],
        }
    )
    return [
        *_evalica(columns, n_candidates),
        _fastchat_release(frame, n_candidates),
        _fastchat_source(frame, fastchat),
        _arena_rank(frame, n_candidates),
    ]


def _evalica(columns: dict[str, AnyIntArray], n_candidates: int) -> list[Peer]:
    a, b = columns["candidate_a"], columns["candidate_b"]
    winners = WINNERS[columns["outcome"]]
    lists = a.tolist(), b.tolist(), [evalica.Winner(code) for code in WINNERS]
    listed = [lists[2][code] for code in columns["outcome"].tolist()]
    index = pd.Index(range(n_candidates))

    def from_lists() -> FloatArray:
        return _log_scores(evalica.bradley_terry(lists[0], lists[1], listed, limit=10_000))

    def from_columns() -> FloatArray:
        return _log_scores(evalica.bradley_terry(a, b, winners, limit=10_000))

    def with_index() -> FloatArray:
        return _log_scores(evalica.bradley_terry(a, b, winners, index=index, limit=10_000))

    name = f"evalica {version('evalica')}, point only"
    return [
        Peer(f"{name}: lists", from_lists),
        Peer(f"{name}: columns", from_columns),
        Peer(f"{name}: columns, index given", with_index),
    ]


def _log_scores(result: evalica.BradleyTerryResult) -> FloatArray:
    return np.log(result.scores.sort_index().to_numpy())


def _fastchat_release(frame: pd.DataFrame, n_candidates: int) -> Peer:
    try:
        name = f"FastChat {version('fschat')} (PyPI), point only"
    except PackageNotFoundError:
        return Peer("FastChat (PyPI)", None, "not installed: pip install -e .[bench]")
    size = 2 * len(frame) * n_candidates * 8
    if size > _MOST_BYTES:
        return Peer(name, None, f"would need {size / 1e9:,.0f} GB for its dense rows")
    from fastchat.serve.monitor.elo_analysis import compute_elo_mle_with_tie  # noqa: PLC0415  # slow

    # It knows a tie by these two names.
    ties = frame.assign(winner=frame["winner"].replace("both_bad", "tie (bothbad)"))
    return Peer(name, lambda: compute_elo_mle_with_tie(ties).sort_index().to_numpy())


def _fastchat_source(frame: pd.DataFrame, source: Path | None) -> Peer:
    name = "FastChat L-BFGS (source), point only"
    if source is None:
        return Peer(name, None, "not in the release on PyPI: --fastchat rating_systems.py")
    spec = importlib.util.spec_from_file_location(_MODULE, source)
    if spec is None or spec.loader is None:
        return Peer(name, None, f"no module at {source}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Peer(name, lambda: module.compute_bt(frame).sort_index().to_numpy())


def _arena_rank(frame: pd.DataFrame, n_candidates: int) -> Peer:
    try:
        name = f"arena-rank {version('arena-rank')}, point + sandwich"
    except PackageNotFoundError:
        return Peer("arena-rank", None, "not installed: pip install -e .[bench]")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    from arena_rank.models.bradley_terry import BradleyTerry  # noqa: PLC0415  # not always there
    from arena_rank.utils.data_utils import PairDataset  # noqa: PLC0415

    def fit() -> FloatArray:
        pairs = PairDataset.from_pandas(frame)
        model = BradleyTerry(n_competitors=n_candidates)
        found = model.compute_ratings_and_cis(pairs)
        np.asarray(found["rating_lower"])  # jax reckons when it is asked
        return np.asarray(found["ratings"])

    return Peer(name, fit)

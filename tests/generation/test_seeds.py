"""Seeds of completions and turns."""

from __future__ import annotations

from annotate.generation.seeds import completion_seed, turn_seed


def test_completion_seed_is_the_same_in_every_process_and_version() -> None:
    seed = completion_seed(run_seed=7, candidate="shisa 0.7", prompt="ja-001", sample=0)
    assert seed == 2_886_563_487_267_040_833
    assert turn_seed(seed=seed, turn=1) == 5_200_007_119_600_430_865


def test_completion_seed_depends_on_every_part() -> None:
    parts = {"run_seed": 7, "candidate": "a", "prompt": "bc", "sample": 0}
    changes = [{}, {"run_seed": 8}, {"candidate": "b"}, {"prompt": "b"}, {"sample": 1}]
    changes.append({"candidate": "ab", "prompt": "c"})
    seeds = {completion_seed(**(parts | change)) for change in changes}  # type: ignore[arg-type]
    assert len(seeds) == len(changes)


def test_completion_seed_fits_a_bigint_and_does_not_collide() -> None:
    seeds = {
        completion_seed(run_seed=0, candidate="c", prompt=str(n), sample=s)
        for n in range(5000)
        for s in range(2)
    }
    assert len(seeds) == 10_000
    assert min(seeds) >= 0
    assert max(seeds) < 2**63

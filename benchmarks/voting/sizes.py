"""How much is there before anybody votes."""

from dataclasses import dataclass

# Counts up when a database is filled in another way than before: kept ones are then filled anew.
RECIPE = 1


@dataclass(frozen=True)
class Size:
    """Counts over all runs."""

    votes: int
    completions: int
    candidates: int
    runs: int
    annotators: int

    def __post_init__(self) -> None:
        if self.votes % self.runs or self.candidates % self.runs:
            raise ValueError(f"votes and candidates must be multiples of the {self.runs} runs")
        if self.completions % self.candidates:
            raise ValueError("completions must be a multiple of the candidates")
        if self.votes_per_run > self.pairs_per_run:
            raise ValueError(
                f"{self.votes_per_run:,} votes a run are more than its {self.pairs_per_run:,} pairs"
                " of completions; give more completions or fewer votes"
            )

    @property
    def database(self) -> str:
        """Give the name of the database that is kept filled for it."""
        counts = (self.votes, self.completions, self.candidates, self.runs, self.annotators)
        return f"filled_{RECIPE}_" + "_".join(map(str, counts))

    @property
    def votes_per_run(self) -> int:
        """Count the votes in each run's open round."""
        return self.votes // self.runs

    @property
    def candidates_per_run(self) -> int:
        """Count those who compete in a run."""
        return self.candidates // self.runs

    @property
    def prompts_per_run(self) -> int:
        """Count the prompts that each candidate of a run has answered."""
        return self.completions // self.candidates

    @property
    def pairs_per_run(self) -> int:
        """Count the pairs of completions that a run can have judged."""
        n = self.candidates_per_run
        return n * (n - 1) // 2 * self.prompts_per_run

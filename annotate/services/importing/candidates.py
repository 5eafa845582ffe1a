"""The candidates that imported completions are of."""

from annotate.formats import CandidateRow
from annotate.models import Candidate, SelectionRun
from annotate.services.importing.counts import Counts
from annotate.services.importing.whole import conflict, wrong

_FACTS = ("model", "revision", "prompt_format", "sampling", "licence")


class CandidateWriter:
    """Gives the run's candidates by what rows say of them, made where there are none."""

    def __init__(self, run: SelectionRun, counts: Counts) -> None:
        self.by_name = {candidate.name: candidate for candidate in run.candidates.all()}
        self.new: list[Candidate] = []
        self._run = run
        self._counts = counts
        self._checked: dict[str, CandidateRow] = {}

    def give(self, row: CandidateRow) -> Candidate:
        """Give the candidate; raise the fault of one that is there with other facts, once."""
        checked = self._checked.get(row.name)
        if checked is row or (checked is not None and checked == row):
            return self.by_name[row.name]
        candidate = self.by_name.get(row.name)
        if candidate is None:
            candidate = self._make(row)
            self._checked[row.name] = row
            return candidate
        self._checked[row.name] = row
        self._check_facts(candidate, row)
        if checked is None:
            self._counts.add(equal=1)
        return candidate

    def _make(self, row: CandidateRow) -> Candidate:
        if row.prompt_format not in ("", *Candidate.PromptFormat.values):
            known = ", ".join(Candidate.PromptFormat.values)
            raise wrong(row.location, "prompt_format", row.prompt_format, f"one of {known}")
        facts = {fact: getattr(row, fact) for fact in _FACTS}
        candidate = Candidate.objects.create(run=self._run, name=row.name, **facts)
        self.by_name[row.name] = candidate
        self.new.append(candidate)
        self._counts.add(new=1)
        return candidate

    def _check_facts(self, candidate: Candidate, row: CandidateRow) -> None:
        for fact in _FACTS:
            here, stored = getattr(row, fact), getattr(candidate, fact)
            if here and here != stored:
                raise conflict(
                    row.location, fact, here,
                    f"{stored!r}, which candidate {row.name!r} has in run {self._run.slug}; give"
                    " it another name",
                )  # fmt: skip

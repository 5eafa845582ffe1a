"""Every page of the site with something to read on it, and who reads it."""

from collections.abc import Iterator
from dataclasses import dataclass

from annotate.models import Round, SelectionRun, TrainingRun, User
from tests import factories as make
from tests.views.pages import cast_votes, make_dataset, make_ranking, make_training


@dataclass(frozen=True, kw_only=True)
class Site:
    """A site in use."""

    round_: Round
    volunteer: User
    admin: User

    @property
    def run(self) -> SelectionRun:
        """Give the run that is voted on."""
        return self.round_.run


def make_site() -> Site:
    """Fill every page."""
    round_ = make.make_open_round()
    run = round_.run
    cast_votes(round_, make.make_annotator(kind="simulated"), 2)
    make_ranking(run)
    training_run = make_training(
        run, dataset=make_dataset(run), steps=25, state=TrainingRun.State.FINISHED
    )
    make.make_candidate(run, training_run=training_run)
    return Site(
        round_=round_,
        volunteer=make.make_volunteer(run),
        admin=make.make_volunteer(run, "admin"),
    )


def list_pages(site: Site) -> Iterator[tuple[User | None, str]]:
    """Yield each page's reader, None for a stranger, and its address."""
    run, dataset = site.run, site.run.datasets.get()
    for address in ("/", "/sign-in/"):
        yield None, address
    for address in (
        "/",
        f"/rate/{run.slug}/",
        f"/rate/{run.slug}/?view=differences",
        "/rate/never-made/",
        f"/runs/{run.slug}/",  # not for volunteers: the page that says so
    ):
        yield site.volunteer, address
    for address in (
        "/",
        "/runs/",
        f"/runs/{run.slug}/",
        f"/runs/{run.slug}/quality/",
        f"/runs/{run.slug}/rankings/{run.rankings.get().pk}/",
        f"/datasets/{dataset.pk}/",
        f"/training/{dataset.training_runs.get().pk}/",
    ):
        yield site.admin, address

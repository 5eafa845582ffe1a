"""Every page of the site with something to read on it, who reads it, and what they do there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.template.loader import render_to_string
from django.utils import timezone, translation
from playwright.sync_api import Page

from annotate.models import (
    Annotator,
    Candidate,
    Completion,
    DecisionRules,
    Export,
    GenerationShard,
    Invitation,
    PassageMark,
    PreferenceDataset,
    PreferencePair,
    PreferenceSet,
    RankingFigure,
    ReasonTag,
    Report,
    Round,
    RunEvent,
    RunPlan,
    SelectionRun,
    TrainingRun,
    User,
)
from annotate.models.rankings import FigureKind
from annotate.services import deciding, exclusions, measuring, states
from annotate.services.changes import log_event
from annotate.services.exporting import export_dataset, read_recipe
from annotate.services.launching import draft_run, read_plan
from annotate.services.lineage import votes_of_source
from annotate.services.rankings import rank_now
from tests import factories as make
from tests.services.deciding.polls import open_grid, poll, prefer_first
from tests.services.operating.jobs import put_job, put_worker
from tests.views.estimates import make_difference, make_estimate, make_evidence, make_stop
from tests.views.figure_content import CONTENT
from tests.views.judged import let_judge, make_judge, make_scorer, score
from tests.views.pages import FORECAST, cast_votes, make_dataset, make_ranking, make_training

MARKUP = """### A heading

Text with **weight**, `code` and $a^2 + b^2$.

| column | number |
|---|---:|
| one | 1 |

```python
print("a string", 1)  # a comment
```

> Quoted. 日本語も混ざる。
"""
LONG = "\n\n".join(f"Paragraph {n}. " + "A sentence that fills the line. " * 8 for n in range(20))


@dataclass(frozen=True, kw_only=True)
class Site:
    """A site in use: runs at every stage, and people at every step of their way."""

    round_: Round
    open_run: SelectionRun
    invited_run: SelectionRun
    turns_run: SelectionRun
    closed_run: SelectionRun
    emptied_run: SelectionRun
    decided_run: SelectionRun
    generating_run: SelectionRun
    paused_run: SelectionRun
    cancelled_run: SelectionRun
    chosen_run: SelectionRun
    volunteer: User
    newcomer: User
    admin: User

    @property
    def run(self) -> SelectionRun:
        """Give the run in whose votes there is most to see."""
        return self.round_.run


@dataclass(frozen=True)
class Shown:
    """A page before a reader, None for a stranger; `act` brings what needs a hand."""

    reader: User | None
    address: str
    act: Callable[[Page], None] | None = None

    def __str__(self) -> str:
        deed = f", {self.act.__name__}" if self.act else ""
        return f"{self.reader or 'a stranger'} at {self.address}{deed}"

    def open_in(self, page: Page) -> None:
        """Go to the page and do what there is to do."""
        page.goto(self.address)
        if self.act:
            self.act(page)


def make_site() -> Site:
    """Fill every page."""
    cache.clear()  # it counts how often codes were asked for, and outlives a test
    round_ = make.make_open_round(n_prompts=6)
    run = round_.run
    volunteer = make.make_volunteer(run, board_name="Moss 苔")
    admin = make.make_volunteer(run, "admin")
    ask_everything(run)
    add_own_votes(round_, volunteer)
    draw_rich_pair(round_, volunteer)
    add_care(round_, admin)
    add_outcomes(round_)
    add_estimate(round_)
    add_lineage(round_)
    add_exports(round_)
    others = [make.make_open_round() for _run in range(9)]
    site = Site(
        round_=round_,
        open_run=others[0].run,
        invited_run=others[1].run,
        turns_run=others[2].run,
        closed_run=others[3].run,
        emptied_run=others[4].run,
        decided_run=others[5].run,
        generating_run=others[6].run,
        paused_run=others[7].run,
        cancelled_run=others[8].run,
        chosen_run=choose_one(admin),
        volunteer=volunteer,
        newcomer=make.make_user(),
        admin=admin,
    )
    for other in others:
        make.let_in(other.run, volunteer)
    make.make_rules(site.open_run, door="open", practice_needed=1)
    words = {"explanation_en": "The first is right.", "explanation_ja": "最初の回答が正しい。"}
    make.make_gold_pair(site.open_run, use="practice", **words)
    make.make_rules(site.invited_run, door="invitation")
    Invitation.objects.create(run=site.invited_run, token="come-in", label="Friends")
    ask_turn_by_turn(others[2])
    close(others[3], volunteer)
    cast_votes(others[4], Annotator.objects.get(user=volunteer), 3)
    add_judges(others[4])
    decide(others[5])
    make_completions_come(others[6], admin)
    states.pause_run(run=site.paused_run, by=admin)
    cast_votes(others[8], Annotator.objects.get(user=volunteer), 2)
    states.cancel_run(run=site.cancelled_run, by=admin)
    add_plans(site)
    add_jobs()
    return site


def add_plans(site: Site) -> None:
    """Have an admin fill in a draft, and let a run have its frozen plan."""
    asked = site.open_run.prompt_sets.get().slug
    chatml = {"model": "/models/other", "engine": "transformers", "prompt_format": "chatml"}
    preset = {"preset": "shisa-7b-v1", "engine": "vllm", "engine_options": {"dtype": "bfloat16"}}
    plan = read_plan(
        {
            "slug": "draft",
            "prompts": {"sets": [asked]},
            "models": [preset, chatml],
            "grid": {"temperature": [0.1, 0.7], "top_p": [0.9, 1]},
        }
    )
    draft_run(plan=plan, by=site.admin)
    RunPlan.objects.create(
        run=site.generating_run, config=plan.model_dump(mode="json"), sha256=plan.sha256(),
        launched_at=timezone.now(), launched_by=site.admin,
    )  # fmt: skip


def add_jobs() -> None:
    """Have one job wait, one run at a worker, one that is gone, and one that failed."""
    put_job(waits_s=90)
    put_worker(job=put_job("train", queue="gpu", status="doing"))
    put_worker(heard_s=900, job=put_job("judge_round", queue="gpu", status="doing"))
    failed = put_job("measure_missing", status="failed")
    cache.set(f"job-failure:{failed}", "ValueError: " + "a long word " * 20)


def add_scores(round_: Round) -> None:
    """Let a judge score every reply, some better than others."""
    judge = make_scorer()
    completions = Completion.objects.filter(candidate__rounds=round_).order_by("id")
    for number, completion in enumerate(completions):
        score(judge, completion, *(3.5 + number % 6 for _reply in completion.replies))


def make_completions_come(round_: Round, admin: User) -> None:
    """Have a run make its completions: one job runs, one has failed; and its log says by whom."""
    now, run = timezone.now(), round_.run
    Round.objects.filter(pk=round_.pk).update(opened_at=None)
    SelectionRun.objects.filter(pk=run.pk).update(state=SelectionRun.State.GENERATING)
    first, second = round_.candidates.order_by("id")
    GenerationShard.objects.create(
        round=round_, candidate=first, n_wanted=400, n_stored=120, n_made=100, tokens_made=5_000,
        state=GenerationShard.State.RUNNING, attempt=1, worker="node1:17", started_at=now,
        ready_at=now - timedelta(seconds=10), seen_at=now, log="Loading weights\n" * 100,
    )  # fmt: skip
    GenerationShard.objects.create(
        round=round_, candidate=second, n_wanted=400, state=GenerationShard.State.FAILED,
        failure="error: model '/models/nowhere' cannot be loaded: there is no such folder",
    )  # fmt: skip
    states = {"from": "draft", "to": "generating"}
    log_event(run=run, kind=RunEvent.Kind.LAUNCHED, by=admin, sha256="5f" * 32)
    log_event(run=run, kind=RunEvent.Kind.STATE, by=admin, **states)


def ask_everything(run: SelectionRun) -> None:
    """Ask all that a run can ask."""
    rules = make.make_rules(run, asks_degree=True, offers_comment=True)
    for n, (en, ja) in enumerate([("more correct", "より正確"), ("repetition", "繰り返しが多い")]):
        tag, _is_new = ReasonTag.objects.get_or_create(
            slug=f"reason-{n}", defaults={"label_en": en, "label_ja": ja}
        )
        rules.reasons.add(tag)


def draw_rich_pair(round_: Round, user: User) -> None:
    """Put before the user a conversation of two turns whose replies hold all that can be drawn."""
    prompt = make.make_prompt(
        round_.run.prompt_sets.get(), language="ja", turns=["A?", "B?"], system="Be brief."
    )
    first, second = [
        make.make_completion(candidate, prompt, replies=[MARKUP + candidate.name, LONG + end])
        for candidate, end in zip(round_.candidates.order_by("id"), ("One.", "Two."), strict=True)
    ]
    annotator = Annotator.objects.get(user=user)
    make.make_comparison(first, second, round_=round_, annotator=annotator, shown_at=timezone.now())


def add_own_votes(round_: Round, user: User) -> None:
    """Let the user vote with all that goes with it, skip a pair, and report one."""
    annotator = Annotator.objects.get(user=user)
    cast_votes(round_, make.make_annotator(kind="simulated"), 2)
    first, second = round_.candidates.order_by("id")
    pairs = zip(first.completions.order_by("id"), second.completions.order_by("id"), strict=True)
    drawn = [
        make.make_comparison(one, other, round_=round_, annotator=annotator)
        for (one, other), _number in zip(pairs, range(3), strict=False)
    ]
    vote = make.make_vote(
        drawn[0], "a", degree="clearly", reasons_a=["reason-0"], comment="Clear. 明快。"
    )
    PassageMark.objects.create(vote=vote, which="a", turn=1, start=0, end=5, tag="unnatural")
    make.make_vote(drawn[1], "tie")
    drawn[2].skipped_at, drawn[2].skip_reason = timezone.now(), "cannot_judge"
    drawn[2].save()
    Report.objects.create(comparison=drawn[2], completion=drawn[2].completion_b, text="Unkind.")


def add_care(round_: Round, admin: User) -> None:
    """Add a known answer, an invitation, and an exclusion."""
    run = round_.run
    make.make_gold_pair(run)
    Invitation.objects.create(run=run, label="A class", admits_at_most=3)
    careless = make.make_annotator(name="careless")
    cast_votes(round_, careless, 2)
    exclusions.exclude(run=run, annotator=careless, reason="Always left.", by=admin)


def add_judges(round_: Round) -> None:
    """Let two judges read and vote, of whom one failed since, and rank by them."""
    let_judge(make_judge("steady"), round_, "aab", n_wanted=9)
    let_judge(make_judge("torn"), round_, "atx")
    round_.sittings.filter(judge__slug="torn").update(state="failed", failure="CUDA out of memory")
    make_judge("waiting")
    add_scores(round_)
    for filters in ({}, {"kind": "judge"}, {"kind": "together"}):
        rank_now(run=round_.run, filters=filters)


def add_outcomes(round_: Round) -> None:
    """Add a ranking, a dataset and a training."""
    run = round_.run
    make_ranking(run)
    ranking = make_ranking(run)
    RankingFigure.objects.bulk_create(
        RankingFigure(ranking=ranking, kind=kind, content=content, versions={})
        for kind, content in CONTENT.items()
    )
    dataset, base = make_dataset(run), make_trainable(run)
    child = make_training(
        run, base=base, dataset=dataset, steps=25, state=TrainingRun.State.FINISHED,
        forecast=FORECAST, gate_alpha=0.05, next_round=round_, gate_passed=False,
        gate_evidence={"alpha": 0.05, "n_votes": 31, "n_annotators": 6, "annotators_needed": 5,
                       "gap": None, "leads": True, "e_value": 2.5, "passed": False},
    )  # fmt: skip
    make.make_candidate(run, training_run=child)
    last = child.metrics.latest("step")
    last.values |= {"eval_loss": 0.7, "eval_reward_accuracy": 0.5, "eval_reward_margin": 0.1}
    last.save()
    make_training(
        run, base=base, dataset=dataset, steps=3, state=TrainingRun.State.RUNNING, wish="stop",
        forecast=FORECAST, child_name="the next",
    )  # fmt: skip


def add_exports(round_: Round) -> None:
    """Add a dataset mixed of votes and imported pairs, a child of it, and work in every state."""
    run = round_.run
    pairs = PreferenceSet.objects.create(slug="elsewhere", licence="CC-BY-NC-SA-4.0")
    PreferencePair.objects.create(
        preference_set=pairs,
        key="k",
        prompt=[{"role": "user", "content": "質問?"}],
        chosen=[{"role": "assistant", "content": "良い回答"}],
        rejected=[{"role": "assistant", "content": "悪い回答"}],
        prompt_sha256="5f" * 32,
        language="ja",
    )
    sources = [{"run": run.slug}, {"preference_set": "elsewhere", "weight": 3}]
    dataset = export_dataset(read_recipe({"sources": sources}))
    training = make_training(run, base=run.candidates.latest("pk"), dataset=dataset)
    child = make.make_candidate(run, name="mixed", origin="dpo", training_run=training)
    child.parents.add(training.base)
    for state in (Export.State.QUEUED, Export.State.RUNNING, Export.State.FAILED):
        failure = "The disk is full." if state == Export.State.FAILED else ""
        Export.objects.create(run=run, recipe={}, state=state, failure=failure, n_total=9)


def make_trainable(run: SelectionRun) -> Candidate:
    """Make a candidate that has weights."""
    return make.make_candidate(
        run, name="trainable", engine="transformers", model="/models/base", prompt_format="chatml"
    )


def add_lineage(round_: Round) -> None:
    """Make one candidate the other's parent, at another temperature, and measure their replies."""
    parent, child = round_.candidates.order_by("id")
    child.parents.add(parent)
    measuring.measure_missing(run=round_.run)


def add_estimate(round_: Round) -> None:
    """Add how far the round is from its answer."""
    leader, rival = round_.candidates.order_by("id")
    make_estimate(round_, make_evidence(leader, make_difference(rival)))


def decide(round_: Round) -> None:
    """Let the round stop, for it has its answer."""
    DecisionRules.objects.create(run=round_.run, stops_early=True)
    leader, rival = round_.candidates.order_by("id")
    evidence = make_evidence(leader, make_difference(rival, 31.0), answer="best")
    make_estimate(round_, evidence)
    make_stop(round_, evidence)


def choose_one(admin: User) -> SelectionRun:
    """Decide a run of two checkpoints at two temperatures, twice."""
    round_ = open_grid()
    poll(round_, n_annotators=8, favours=prefer_first)
    poll(round_, n_annotators=2, favours=prefer_first, kind="judge")
    deciding.decide_run(run=round_.run, by=admin)
    poll(round_, n_annotators=1, favours=prefer_first, kind="simulated")
    deciding.decide_run(run=round_.run, by=admin)
    return round_.run


def ask_turn_by_turn(round_: Round) -> None:
    """Add a conversation of which each turn is judged apart."""
    make.make_rules(round_.run, judges_each_turn=True)
    prompt = make.make_prompt(round_.run.prompt_sets.get(), turns=["First?", "Second?"])
    for candidate in round_.candidates.all():
        make.make_completion(candidate, prompt)


def close(round_: Round, user: User) -> None:
    """Let the user vote in a run, and close it."""
    cast_votes(round_, Annotator.objects.get(user=user), 2)
    make_ranking(round_.run)
    states.close_round(round_=round_)
    SelectionRun.objects.filter(pk=round_.run_id).update(state=SelectionRun.State.CLOSED)


def list_pages(site: Site) -> Iterator[Shown]:
    """Yield every page, all of one reader together."""
    run, own = site.run, Annotator.objects.get(user=site.volunteer)
    dataset, rate = run.datasets.earliest("pk"), f"/rate/{run.slug}/"
    yield Shown(None, "/")
    yield Shown(None, "/sign-in/")
    yield Shown(None, "/sign-in/", ask_for_code)
    yield Shown(None, f"/rate/{site.open_run.slug}/welcome/")
    yield Shown(None, "/invitation/come-in/")
    yield Shown(None, "/invitation/nobodys/")
    yield Shown(None, f"/rate/{site.invited_run.slug}/")
    yield Shown(None, "/me/")
    yield Shown(None, "/goodbye/")
    yield Shown(None, "/never-made/")
    yield Shown(None, "/", meet_an_error)
    yield Shown(site.newcomer, f"{rate}welcome/")
    yield Shown(site.volunteer, "/")
    yield Shown(site.volunteer, rate)
    yield Shown(site.volunteer, f"{rate}?view=differences")
    yield Shown(site.volunteer, rate, open_why)
    yield Shown(site.volunteer, rate, open_skip)
    yield Shown(site.volunteer, rate, open_report)
    yield Shown(site.volunteer, f"{rate}?view=rendered", select_words)
    yield Shown(site.volunteer, f"/rate/{site.turns_run.slug}/")
    yield Shown(site.volunteer, f"/rate/{site.open_run.slug}/practice/")
    yield Shown(site.volunteer, f"/rate/{site.open_run.slug}/practice/", answer)
    yield Shown(site.volunteer, f"/rate/{site.emptied_run.slug}/")
    yield Shown(site.volunteer, f"/rate/{site.decided_run.slug}/")
    yield Shown(site.volunteer, f"/rate/{site.paused_run.slug}/")
    yield Shown(site.volunteer, f"/rate/{site.cancelled_run.slug}/")
    yield Shown(site.volunteer, f"/rate/{site.cancelled_run.slug}/results/")
    yield Shown(site.admin, f"/runs/{site.paused_run.slug}/", open_details)
    yield Shown(site.volunteer, f"/rate/{site.closed_run.slug}/")
    yield Shown(site.volunteer, f"/rate/{site.closed_run.slug}/results/")
    yield Shown(site.volunteer, f"{rate}results/")
    yield Shown(site.volunteer, f"{rate}votes/")
    for comparison in own.comparisons.filter(round=site.round_).order_by("id")[:3]:
        yield Shown(site.volunteer, f"{rate}votes/{comparison.token}/")
    yield Shown(site.volunteer, f"{rate}board/")
    yield Shown(site.volunteer, f"/rate/{site.turns_run.slug}/board/")
    yield Shown(site.volunteer, "/me/")
    yield Shown(site.volunteer, "/me/take-back/")
    yield Shown(site.volunteer, f"/runs/{run.slug}/")  # the page that says no
    yield Shown(site.admin, "/")
    yield Shown(site.admin, "/runs/")
    yield Shown(site.admin, "/runs/new/")
    yield Shown(site.admin, "/runs/new/", refuse_a_plan)
    yield Shown(site.admin, "/runs/draft/plan/", open_details)
    yield Shown(site.admin, "/runs/draft/plan/?candidate=1")
    yield Shown(site.admin, f"/runs/{site.generating_run.slug}/plan/", open_details)
    yield Shown(site.admin, f"/runs/{run.slug}/")
    yield Shown(site.admin, f"/runs/{site.generating_run.slug}/")
    yield Shown(site.admin, f"/runs/{site.generating_run.slug}/jobs/")
    failed = GenerationShard.objects.get(state=GenerationShard.State.FAILED)
    yield Shown(site.admin, f"/runs/{site.generating_run.slug}/jobs/{failed.pk}/")
    yield Shown(site.admin, f"/runs/{site.generating_run.slug}/jobs/{failed.pk - 1}/")
    yield Shown(site.admin, f"/runs/{site.generating_run.slug}/log/")
    yield Shown(site.admin, f"/runs/{site.emptied_run.slug}/judges/", open_details)
    yield Shown(site.admin, f"/runs/{site.emptied_run.slug}/judges/readings/", open_details)
    yield Shown(site.admin, f"/runs/{site.open_run.slug}/judges/")
    yield Shown(site.admin, f"/runs/{site.emptied_run.slug}/scores/")
    yield Shown(site.admin, f"/runs/{site.open_run.slug}/scores/")
    yield Shown(site.admin, f"/runs/{run.slug}/drift/", see_pictures)
    yield Shown(site.admin, f"/runs/{site.emptied_run.slug}/drift/")
    yield Shown(site.admin, f"/runs/{run.slug}/sweep/", see_pictures)
    yield Shown(site.admin, f"/runs/{run.slug}/quality/")
    yield Shown(site.admin, f"/runs/{run.slug}/quality/", open_details)
    yield Shown(site.admin, f"/runs/{run.slug}/rating/", open_details)
    yield Shown(site.admin, f"/runs/{run.slug}/decision/")
    yield Shown(site.admin, f"/runs/{site.decided_run.slug}/")
    ranking = run.rankings.first()
    yield Shown(site.admin, f"/runs/{run.slug}/rankings/", open_details)
    yield Shown(site.admin, f"/runs/{site.open_run.slug}/rankings/")
    yield Shown(site.admin, f"/runs/{run.slug}/rankings/{ranking.pk}/", see_pictures)
    yield Shown(site.admin, f"/runs/{run.slug}/rankings/{ranking.pk}/?scale=logistic", open_details)
    for kind in FigureKind:
        yield Shown(site.admin, f"/runs/{run.slug}/rankings/{ranking.pk}/{kind}/", see_pictures)
    yield Shown(site.admin, f"/runs/{site.chosen_run.slug}/decided/", open_details)
    yield Shown(site.admin, f"/runs/{site.chosen_run.slug}/decided/1/")
    yield Shown(site.admin, f"/runs/{site.open_run.slug}/decided/")
    yield Shown(site.admin, f"/datasets/{dataset.pk}/")
    yield from list_exports(site, dataset)
    for training_run in dataset.training_runs.all():
        yield Shown(site.admin, f"/training/{training_run.pk}/", open_details)
    yield Shown(site.admin, f"/runs/{run.slug}/train/", open_details)
    yield Shown(site.admin, f"/runs/{run.slug}/train/", refuse_a_training)
    yield Shown(site.admin, f"/runs/{site.open_run.slug}/train/")
    yield Shown(site.admin, "/reports/", open_details)
    yield Shown(site.admin, "/operations/")
    yield Shown(site.admin, "/me/tokens/", make_token_there)


def make_token_there(page: Page) -> None:
    """Make a token, which is shown this once."""
    page.locator("#id_name").fill("night runs")
    page.locator("#id_name").press("Enter")
    page.locator("#secret").wait_for()


def list_exports(site: Site, dataset: PreferenceDataset) -> Iterator[Shown]:
    """Yield the pages of exports and of lineage."""
    run = site.run
    yield Shown(site.admin, f"/runs/{run.slug}/export/", choose_more)
    yield Shown(site.admin, f"/runs/{run.slug}/export/", refuse_an_export)
    yield Shown(site.admin, f"/runs/{site.open_run.slug}/export/", see_counted)
    made = run.datasets.exclude(card="").latest("pk")
    yield Shown(site.admin, f"/datasets/{made.pk}/", open_details)
    for export in run.exports.order_by("pk"):
        yield Shown(site.admin, f"/exports/{export.pk}/")
    child = run.candidates.filter(training_run__isnull=False).latest("pk")
    yield Shown(site.admin, f"/lineage/candidates/{child.pk}/")
    yield Shown(site.admin, f"/lineage/datasets/{made.pk}/")
    yield Shown(site.admin, f"/lineage/datasets/{dataset.pk}/")
    source = made.sources.filter(run__isnull=False)[0]
    yield Shown(site.admin, f"/lineage/sources/{source.pk}/votes/")
    vote = votes_of_source(source).order_by("pk")[0]
    yield Shown(site.admin, f"/lineage/votes/{vote.pk}/")
    yield Shown(site.admin, "/lineage/votes/?id=nobodys")


def ask_for_code(page: Page) -> None:
    """Ask for a sign-in code, and come to where it is typed in."""
    page.locator("input[type=email]").fill("moss@example.org")
    page.locator("input[type=email]").press("Enter")
    page.wait_for_url("**/sign-in/code/")


def refuse_a_plan(page: Page) -> None:
    """Save a form in which nothing is filled in."""
    page.locator("#id_slug").press("Enter")
    page.locator("[role=alert]").wait_for()


def refuse_a_training(page: Page) -> None:
    """Send a form with a setting that is no number."""
    page.locator("#id_epochs").fill("many")
    page.locator("#id_epochs").press("Enter")
    page.locator("[role=alert]").wait_for()


def see_counted(page: Page) -> None:
    """Wait for what the choices give."""
    page.locator("#counted .counted").wait_for()


def choose_more(page: Page) -> None:
    """Add a source, and open the rows that come of it."""
    see_counted(page)
    page.locator("#add-source").click()
    page.locator("#id_mix-0-source").wait_for()
    page.locator("#examples summary").first.wait_for()
    open_details(page)


def refuse_an_export(page: Page) -> None:
    """Ask for what cannot be."""
    see_counted(page)
    page.locator("#id_margin").fill("0")
    page.locator("#export-form").get_by_role("button").and_(page.locator("[value=export]")).click()
    page.locator("[role=alert]").wait_for()


def meet_an_error(page: Page) -> None:
    """See what the site says when it breaks."""
    with translation.override(page.evaluate("navigator.language")):
        words = render_to_string("500.html")
    page.route("**/broken/", lambda route: route.fulfill(body=words, content_type="text/html"))
    page.goto("/broken/")


def open_why(page: Page) -> None:
    """Open the reasons."""
    page.locator("details.menu > summary").nth(0).click()


def open_skip(page: Page) -> None:
    """Open the reasons to skip."""
    page.locator("details.menu > summary").nth(1).click()


def open_report(page: Page) -> None:
    """Open the form that reports an answer."""
    page.locator("details.menu > summary").nth(2).click()


def select_words(page: Page) -> None:
    """Select a passage, so that its tools come."""
    page.locator("[data-reply=left] strong").first.dblclick()
    page.locator("#passage-tools").wait_for()


def answer(page: Page) -> None:
    """Answer the practice comparison, and come to its explanation."""
    page.locator("button[name=choice]").first.click()
    page.wait_for_load_state()


def see_pictures(page: Page) -> None:
    """Wait for the pictures that a script draws."""
    page.locator("figure[data-drawn] svg").first.wait_for()


def open_details(page: Page) -> None:
    """Open all that is folded."""
    page.evaluate("document.querySelectorAll('main details').forEach((box) => { box.open = true })")

"""Small rows of every table, each with only what a test says of it."""

import itertools
from typing import Any

from django.utils import timezone

from annotate.models import (
    Annotator,
    Candidate,
    Comparison,
    Completion,
    Consent,
    ConsentText,
    GoldPair,
    Judge,
    JudgeTemplate,
    Participation,
    Prompt,
    PromptSet,
    RatingRules,
    ReasonTag,
    Round,
    SelectionRun,
    User,
    Vote,
)

_count = itertools.count(1)


def make_user(role: str = "volunteer", **fields: Any) -> User:
    """Make an account whose password is `password`."""
    fields = {"username": f"{role}-{next(_count)}", "password": "password"} | fields
    return User.objects.create_user(role=role, **fields)


def make_annotator(**fields: Any) -> Annotator:
    """Make a person who votes."""
    number = next(_count)
    plain = {
        "kind": Annotator.Kind.PERSON,
        "name": f"annotator {number}",
        "pseudonym": f"annotator-{number:012x}",
    }
    return Annotator.objects.create(**plain | fields)


def make_volunteer(run: SelectionRun, role: str = "volunteer", **fields: Any) -> User:
    """Make an account that has been through the run's door: the next page is a comparison.

    `fields` are the annotator's.
    """
    user = make_user(role)
    plain = {"name": user.username, "languages": ["en", "ja"]}
    make_participant(run, make_annotator(user=user, **plain | fields))
    return user


def let_in(run: SelectionRun, user: User) -> None:
    """Take an account through the run's door: the next page is a comparison."""
    annotator = Annotator.objects.filter(user=user).first()
    make_participant(run, annotator or make_annotator(user=user, languages=["en", "ja"]))


def make_participant(run: SelectionRun, annotator: Annotator) -> Participation:
    """Let an annotator agree to the consent text and read the run's instructions."""
    Consent.objects.get_or_create(annotator=annotator, text=make_consent_text())
    return Participation.objects.create(run=run, annotator=annotator, instructed_at=timezone.now())


def make_consent_text(*, newer: bool = False) -> ConsentText:
    """Give the newest consent text; a test that emptied the tables has none until now."""
    newest = ConsentText.objects.first()
    if newest is not None and not newer:
        return newest
    version = newest.version + 1 if newest else 1
    return ConsentText.objects.create(
        version=version, text_en=f"Votes are kept ({version}).", text_ja=f"投票の保存({version})"
    )


def make_rules(run: SelectionRun, **fields: Any) -> RatingRules:
    """Set how volunteers rate in a run."""
    rules, _created = RatingRules.objects.update_or_create(run=run, defaults=fields)
    return rules


def make_reason(slug: str) -> ReasonTag:
    """Give a reason that volunteers can choose; a test that emptied the tables has none."""
    labels = {"label_en": slug.replace("-", " "), "label_ja": f"{slug}（日本語）"}
    return ReasonTag.objects.get_or_create(slug=slug, defaults=labels)[0]


def make_prompt(prompt_set: PromptSet, **fields: Any) -> Prompt:
    """Make an English prompt of one turn."""
    number = next(_count)
    return Prompt.objects.create(
        prompt_set=prompt_set,
        **{"key": f"p{number}", "turns": [f"Question {number}?"], "language": "en"} | fields,
    )


def make_run(**fields: Any) -> SelectionRun:
    """Make a run with an empty prompt set of its own."""
    number = next(_count)
    run = SelectionRun.objects.create(**{"slug": f"run-{number}"} | fields)
    run.prompt_sets.add(PromptSet.objects.create(slug=f"set-{number}"))
    return run


def make_candidate(run: SelectionRun, **fields: Any) -> Candidate:
    """Make a candidate whose completions come from elsewhere."""
    return Candidate.objects.create(run=run, **{"name": f"candidate {next(_count)}"} | fields)


def make_completion(candidate: Candidate, prompt: Prompt, **fields: Any) -> Completion:
    """Make a completion that no other equals."""
    fields = {"replies": [f"Reply {next(_count)}." for _turn in prompt.turns]} | fields
    return Completion.objects.create(candidate=candidate, prompt=prompt, **fields)


def make_open_round(
    *, n_candidates: int = 2, n_prompts: int = 3, n_samples: int = 1, **fields: Any
) -> Round:
    """Make a run whose first round is open: every candidate has answered every prompt."""
    run = make_run(state=SelectionRun.State.VOTING)
    prompt_set = run.prompt_sets.get()
    prompts = [make_prompt(prompt_set) for _prompt in range(n_prompts)]
    round_ = Round.objects.create(run=run, number=1, opened_at=timezone.now(), **fields)
    for _candidate in range(n_candidates):
        candidate = make_candidate(run)
        round_.candidates.add(candidate)
        for prompt, sample in itertools.product(prompts, range(n_samples)):
            make_completion(candidate, prompt, sample=sample)
    return round_


def make_judge(slug: str = "", *, use: str = "pair") -> Judge:
    """Make an LLM judge that compares pairs, or gives scores."""
    slug = slug or f"judge-{next(_count)}"
    template, _is_new = JudgeTemplate.objects.get_or_create(name=use, use=use, texts={})
    return Judge.objects.create(
        slug=slug,
        annotator=make_annotator(kind="judge", name=slug),
        template=template,
        model="m",
        engine="openai",
        prompt_format="chat_template",
    )


def make_comparison(
    first: Completion, second: Completion, *, round_: Round, annotator: Annotator, **fields: Any
) -> Comparison:
    """Draw two completions for an annotator; which is a follows from the candidates' ids."""
    a, b = sorted((first, second), key=lambda completion: completion.candidate_id)
    return Comparison.objects.create(
        round=round_,
        annotator=annotator,
        prompt=a.prompt,
        completion_a=a,
        completion_b=b,
        candidate_a=a.candidate,
        candidate_b=b.candidate,
        **{"side_a": "left", "lease_expires_at": timezone.now()} | fields,
    )


def make_vote(comparison: Comparison, outcome: str = "a", **fields: Any) -> Vote:
    """Cast a vote on a comparison."""
    now = timezone.now()
    Comparison.objects.filter(pk=comparison.pk).update(answered_at=now)
    return Vote.objects.create(
        comparison=comparison, outcome=outcome, **{"created_at": now} | fields
    )


def make_gold_pair(run: SelectionRun, *, prompt: Prompt | None = None, **fields: Any) -> GoldPair:
    """Write two replies by hand, of which a is the better one."""
    prompt = prompt or make_prompt(PromptSet.objects.create(slug=f"gold-{next(_count)}"))
    better, worse = (
        make_completion(make_candidate(run, origin=Candidate.Origin.WRITTEN), prompt)
        for _reply in range(2)
    )
    plain = {"use": "gold", "completion_a": better, "completion_b": worse, "outcome": "a"}
    return GoldPair.objects.create(run=run, **plain | fields)


def make_known_comparison(round_: Round, annotator: Annotator, use: str = "gold") -> Comparison:
    """Draw a pair with a known answer, to check with or to practise on."""
    pair = make_gold_pair(round_.run, use=use)
    return make_comparison(
        pair.completion_a,
        pair.completion_b,
        round_=round_,
        annotator=annotator,
        purpose=use,
        gold=pair,
    )

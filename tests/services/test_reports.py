"""A reported completion is hidden until an admin has looked, and as the admin found."""

import pytest

from annotate.models import Completion, Report
from annotate.services.reports import settle_report
from tests import factories as make

pytestmark = pytest.mark.django_db


def report_of(completion: Completion) -> Report:
    """Let a new annotator report a completion, which stands against another."""
    other = make.make_completion(make.make_candidate(completion.candidate.run), completion.prompt)
    run = completion.candidate.run
    round_ = run.rounds.first() or run.rounds.create(number=1)
    comparison = make.make_comparison(
        completion, other, round_=round_, annotator=make.make_annotator()
    )
    return Report.objects.create(comparison=comparison, completion=completion)


@pytest.fixture
def completion() -> Completion:
    run = make.make_run()
    prompt = make.make_prompt(run.prompt_sets.get())
    return make.make_completion(make.make_candidate(run), prompt)


@pytest.mark.parametrize("is_upheld", [True, False])
def test_settling_decides_whether_it_is_shown(completion: Completion, is_upheld: bool) -> None:
    report = report_of(completion)
    assert list(Completion.objects.hidden()) == [completion]
    admin = make.make_user("admin")
    assert settle_report(report=report, is_upheld=is_upheld, by=admin) == 1
    report.refresh_from_db()
    assert (report.looked_by, report.is_upheld) == (admin, is_upheld)
    assert report.looked_at is not None
    assert list(Completion.objects.hidden()) == [completion] * is_upheld


def test_all_reports_of_a_completion_are_settled_together(completion: Completion) -> None:
    first, _second = report_of(completion), report_of(completion)
    other = make.make_completion(make.make_candidate(completion.candidate.run), completion.prompt)
    of_another = report_of(other)
    assert settle_report(report=first, is_upheld=False, by=make.make_user("admin")) == 2
    assert list(Report.objects.filter(looked_at=None)) == [of_another]
    assert list(Completion.objects.hidden()) == [other]


def test_the_last_look_decides(completion: Completion) -> None:
    admin = make.make_user("admin")
    settle_report(report=report_of(completion), is_upheld=True, by=admin)
    settle_report(report=report_of(completion), is_upheld=False, by=admin)
    assert not Completion.objects.hidden().exists()


def test_a_new_report_after_a_look_hides_it_again(completion: Completion) -> None:
    settle_report(report=report_of(completion), is_upheld=False, by=make.make_user("admin"))
    report_of(completion)
    assert list(Completion.objects.hidden()) == [completion]

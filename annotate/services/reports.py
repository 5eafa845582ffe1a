"""Look at what volunteers reported as harmful."""

from django.utils import timezone

from annotate.models import Report, User


def settle_report(*, report: Report, is_upheld: bool, by: User) -> int:
    """Keep the reported completion hidden for good, or show it again; give how many reports.

    All reports of the completion are settled together, those of earlier looks too: it is hidden
    while any of them is upheld, so the last look decides. Votes already cast on it stand.
    """
    return Report.objects.filter(completion=report.completion_id).update(
        is_upheld=is_upheld, looked_at=timezone.now(), looked_by=by
    )

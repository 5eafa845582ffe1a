"""Lists in parts: each page says where the next one is, and no row is missed or given twice."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from ninja import Field, Schema
from ninja.pagination import PaginationBase

from annotate.api.problems import NotAsked

MAX_LIMIT = 1000
# What a cursor may say: a number that PostgreSQL can compare with an id.
_MAX_PLACE = 2**63 - 1


class Pages(PaginationBase):
    """A list in the order of one column of whole numbers, each of which one row has.

    A cursor names the last row that was given, so rows that come or go meanwhile move nothing.
    """

    class Input(Schema):
        """Which part."""

        limit: int = Field(100, ge=1, le=MAX_LIMIT, description="rows at most")
        cursor: str = Field(
            "", max_length=64, description="from `next` of the page before; empty: the first page"
        )

    class Output(Schema):
        """A page."""

        items: list[Any]
        next: str | None = Field(description="address of the next page; null: this is the last")

    def __init__(self, *, order: str, **options: Any) -> None:
        super().__init__(**options)
        self.order = order
        self.column = order.removeprefix("-")

    def paginate_queryset(
        self, queryset: QuerySet[Any], pagination: Any, request: HttpRequest, **params: Any
    ) -> dict[str, Any]:
        """Give a page; the `Link` header says the same as its `next`."""
        if pagination.cursor:
            beyond = "lt" if self.order.startswith("-") else "gt"
            place = read_cursor(pagination.cursor)
            queryset = queryset.filter(**{f"{self.column}__{beyond}": place})
        rows: Sequence[Model] = queryset.order_by(self.order)[: pagination.limit + 1]
        rows = list(rows)
        following = None
        if len(rows) > pagination.limit:
            rows.pop()
            following = _address(request, write_cursor(getattr(rows[-1], self.column)))
            request.next_page = following  # type: ignore[attr-defined]
        return {"items": rows, "next": following}


def write_cursor(place: int) -> str:
    """Write the last row's number so that nobody takes it for one to count with."""
    return base64.urlsafe_b64encode(f"after {place}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> int:
    """Read what `write_cursor` wrote.

    Raises:
        NotAsked: it is none of ours.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), "-_", validate=True).decode()
        place = int(text.removeprefix("after "))
    except (ValueError, binascii.Error):
        place = -1
    if not 0 <= place <= _MAX_PLACE or write_cursor(place) != cursor:
        message = _("This is no cursor of the API: take it as it stands in “next”.")
        raise NotAsked("query.cursor", message)
    return place


def _address(request: HttpRequest, cursor: str) -> str:
    query = request.GET.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{urlencode(query, doseq=True)}")

"""docs/permissions.md as the tests hold the site against it, and what there is to hold."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import admin
from django.http import HttpResponseBase
from django.urls import URLPattern, URLResolver, get_resolver

from annotate.api.site import api
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "permissions.md"
ROLES = ("anonymous", "volunteer", "researcher", "admin")
SCOPES = ("no token", "read", "export", "write", "admin")
DEEDS = ("see", "add", "change", "remove")
API = "/api/v1"
TO_SIGN_IN = ("/sign-in/?next=", "/admin/login/?next=")


@dataclass(frozen=True)
class Line:
    """A line of a table: what is asked for, how, and what each column is answered."""

    name: str
    address: str
    method: str
    cells: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


@dataclass(frozen=True)
class Address:
    """An address of the URL conf, by its name; its route has `<slug:run>` and the like in it."""

    name: str
    route: str


def read_site() -> list[Line]:
    """Read who may ask for which page, a line for each method."""
    return [
        Line(name, address, method, tuple(cells))
        for name, address, methods, *cells in _read_rows("The site")
        for method in methods.split()
    ]


def read_api() -> list[Line]:
    """Read which scope an operation of the API needs."""
    return [
        Line(address, address, method, tuple(cells))
        for method, address, *cells in _read_rows("The API")
    ]


def read_tables() -> dict[str, tuple[str, ...]]:
    """Read what an admin may do to each table of Django's admin."""
    return {name: tuple(cells) for name, *cells in _read_rows("Tables")}


def list_addresses() -> Iterator[Address]:
    """List every address but the API's and those of a table of the admin."""
    seen = set()
    for name, route in _walk(get_resolver()):
        of_table = name == "" or re.match(r"admin:(?!app_list|index)\w+_\w+_\w+$", name)
        if route in seen or route.startswith("api/") or (of_table and route.startswith("admin/")):
            continue  # of several at one address, the first answers
        seen.add(route)
        yield Address(name, "/" + _spell(route))


def list_operations() -> list[tuple[str, str]]:
    """List method and address of every operation of the API, its description with them."""
    described = api.get_openapi_schema()["paths"]
    found = [
        (method.upper(), path.removeprefix(API))
        for path, methods in described.items()
        for method in methods
    ]
    return [("GET", "/openapi.json"), *found]


def list_tables() -> list[str]:
    """List the tables that Django's admin shows."""
    return [f"{model._meta.app_label}.{model._meta.model_name}" for model in admin.site._registry]


def tell(answer: HttpResponseBase, method: str) -> str:
    """Say in a word of the tables what an answer comes to."""
    status = answer.status_code
    if status in (301, 302) and answer["Location"].startswith(TO_SIGN_IN):
        return "sign in"
    if status in (401, 403):
        return "no"
    if status == 404:
        return "not found"
    assert status not in (405, 429), status
    assert status < 500, status
    return "led on" if method == "GET" and 300 <= status < 400 else "yes"


def write_row(*cells: str) -> str:
    """Write a line of a table, as it is to be added."""
    return f"| {' | '.join(cells)} |"


def _read_rows(heading: str) -> Iterator[list[str]]:
    """Yield the cells of the table under a heading, without the marks of code."""
    _before, found, after = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    assert found, f"{PAGE.name} has no heading “{heading}”"
    section = after.partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    for row in rows[2:]:
        yield [cell.strip().strip("`") for cell in row.strip("|").split("|")]


def _spell(route: str) -> str:
    """Write a route that is a regular expression as the others are written."""
    return re.sub(r"\^?\(\?P(<\w+>)[^)]*\)", r"\1", route).rstrip("$")


def _walk(
    resolver: URLResolver, before: str = "", spaces: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    for each in resolver.url_patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLPattern):
            yield ":".join((*spaces, each.name)) if each.name else "", route
        else:
            inner = (*spaces, each.namespace) if each.namespace else spaces
            yield from _walk(each, route, inner)

"""Drive the sites in turn, and gather the figures."""

import argparse
import os
import statistics
import sys
import time
from contextlib import ExitStack
from typing import Any

from django.conf import settings

from benchmarks.voting import databases, peer, printing, sites, statements
from benchmarks.voting.sites import Site
from benchmarks.voting.sizes import Size

VOLUNTEERS = (32, 8, 1)
WARM_UP_S = 3
LISTENED = 100  # cycles whose statements are counted
FRESH, TIMED = 4, 10  # newcomers, and the votes of each that are timed, from the sixth on
FIRST_TIMED = 6


def measure(options: argparse.Namespace, wanted: set[str], stack: ExitStack) -> dict[str, Any]:
    """Fill, serve and measure as asked, print tables, and give all figures."""
    size = size_of(options, options.votes)
    small = size_of(options, options.small_votes) if options.small_votes else None
    for each in filter(None, (size, small)):
        fill(each)
    if options.fill:
        return {}
    say(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    n = max(VOLUNTEERS) + 1 + FRESH
    server = sites.Server(options.processes, options.threads)
    ours = sites.open_kurabe(stack, server, f"{size.votes:,} votes", size.database, n)
    opened = [ours]
    if small is not None:
        opened.append(sites.open_kurabe(stack, server, f"{small.votes:,} votes", small.database, n))
    if not options.no_floor:
        opened.append(sites.open_floor(stack, server, n))
    figures: dict[str, Any] = {"size": vars(size), "load_before": os.getloadavg()[0]}
    if "speed" in wanted:
        take_turns(opened, options)
        figures["speed"] = {site.name: summarise(site) for site in opened}
    if "statements" in wanted or "plans" in wanted:
        logs = {site.name: listen(site) for site in opened}
        figures["statements"] = {name: log.per_cycle(LISTENED) for name, log in logs.items()}
    if "history" in wanted:
        figures["history"] = compare_past(ours, options)
    for site in opened:
        sites.check_votes(site)
    figures["beyond"] = {
        site.name: sites.count_beyond(site, size.prompts_per_run) for site in opened if site.is_ours
    }
    if "peer" in wanted:
        figures["peer"] = measure_peer(options)
    figures["load_after"] = os.getloadavg()[0]
    printing.print_figures(figures, [site.name for site in opened])
    if "plans" in wanted:
        printing.print_plans(logs[ours.name], ours.database, LISTENED)
    return figures


def size_of(options: argparse.Namespace, n_votes: int) -> Size:
    """Give the size that the options name, with so many votes."""
    return Size(n_votes, options.completions, options.candidates, options.runs, options.annotators)


def fill(size: Size) -> None:
    """Fill a database of a size, unless one is kept."""
    if databases.is_whole(size.database):
        say(f"kept: {size.database}")
        databases.run_apart("django", "migrate", "--verbosity", "0", database=size.database)
        return
    say(f"filling {size.database}: {size.votes:,} votes on {size.completions:,} completions")
    databases.drop(size.database)
    counts = (size.votes, size.completions, size.candidates, size.runs, size.annotators)
    databases.run_apart("benchmarks.voting.contents", *map(str, counts), database=size.database)
    databases.mark_whole(size.database)


def take_turns(opened: list[Site], options: argparse.Namespace) -> None:
    """Have the sites take turns; in each, every number of volunteers votes for a while.

    Before the first turn all vote on each site, whose processes have read nothing yet.
    """
    for site in opened if options.before else []:
        with site.worked_for(is_wanted=not options.no_worker):
            site.send(range(max(VOLUNTEERS)), warm_up_s=0, seconds=options.before)
    for turn in range(options.rounds):
        for site in opened:
            with site.worked_for(is_wanted=not options.no_worker) as pids:
                for n in VOLUNTEERS:
                    found = site.send(
                        range(n), watched=pids, warm_up_s=WARM_UP_S, seconds=options.seconds
                    )
                    site.measured.setdefault(n, []).append(found)
                    rate = len(found["ms"]) / found["seconds"]
                    say(f"turn {turn + 1}, {site.name}, {n} volunteers: {rate:.0f} cycles/s")


def summarise(site: Site) -> dict[str, dict[str, Any]]:
    """Give, by the number of volunteers, medians over the turns; the rates of each turn beside."""
    return {str(n): _summarise(measured) for n, measured in site.measured.items()}


def _summarise(measured: list[dict[str, Any]]) -> dict[str, Any]:
    rates = [len(each["ms"]) / each["seconds"] for each in measured]
    quantiles = [statistics.quantiles(each["ms"], n=100, method="inclusive") for each in measured]
    cpu: dict[str, float] = {}
    for name in measured[0]["cpu_s"]:
        spent = (1000 * each["cpu_s"][name] / len(each["ms"]) for each in measured)
        cpu[name] = statistics.median(spent)
    return {
        "cycles_per_s": statistics.median(rates),
        "of_turns": rates,
        "median_ms": statistics.median(each[49] for each in quantiles),
        "p95_ms": statistics.median(each[94] for each in quantiles),
        "p99_ms": statistics.median(each[98] for each in quantiles),
        "cpu_ms_per_cycle": cpu,
    }


def listen(site: Site) -> statements.Log:
    """Have one volunteer vote while PostgreSQL logs every statement."""
    pgdata = settings.KURABE_HOME / "postgres"
    site.send([0], order=[0] * 5)
    with statements.listening(pgdata, "voting-web") as opening:
        site.send([0], order=[])
    with statements.listening(pgdata, "voting-web") as all_of_it:
        site.send([0], order=[0] * LISTENED)
    return all_of_it.less(opening)


def compare_past(site: Site, options: argparse.Namespace) -> dict[str, float]:
    """Time one annotator's votes after many, and newcomers' tenth or so, in turn."""
    n = max(VOLUNTEERS)
    fresh = range(n + 1, n + 1 + FRESH)
    with site.worked_for(is_wanted=not options.no_worker):
        n_timed = FRESH * TIMED
        begun = time.monotonic()
        site.send([n], order=[0] * (options.past - n_timed))
        say(f"{options.past - n_timed} votes of one annotator: {time.monotonic() - begun:.0f} s")
        order = [newcomer for newcomer in range(1, FRESH + 1) for _ in range(FIRST_TIMED - 1)]
        n_before = len(order)
        for newcomer in range(1, FRESH + 1):
            order += [0, newcomer] * TIMED
        ms = site.send([n, *fresh], order=order)["ms"][n_before:]
    late, early = statistics.median(ms[0::2]), statistics.median(ms[1::2])
    return {"votes": options.past, "late_ms": late, "tenth_ms": early, "ratio": late / early}


def measure_peer(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the peer, or say why not."""
    try:
        return peer.measure(settings.KURABE_HOME, seconds=options.seconds, volunteers=VOLUNTEERS)
    except peer.NotMeasured as error:
        return {"not_measured": str(error)}


def say(words: str) -> None:
    """Tell whoever waits how far it is."""
    print(words, file=sys.stderr, flush=True)

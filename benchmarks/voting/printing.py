"""Tables of what was measured, as Markdown."""

from typing import Any

from benchmarks.voting.statements import MANY_ROWS, Log, explain

# What is compared with its goal: how many volunteers, which number, the goal's words.
ROWS = (
    ("cycles/s, 32 volunteers", "32", "cycles_per_s", "≥ 260"),
    ("p95 at 8 volunteers, ms", "8", "p95_ms", "≤ 60"),
    ("median at 1 volunteer, ms", "1", "median_ms", "≤ 8"),
)
PROGRAMS = ("web", "postgres", "worker", "client")


def print_figures(figures: dict[str, Any], names: list[str]) -> None:
    """Print what was measured, a column a site."""
    print(f"\n| | goal | {' | '.join(names)} |\n|{' --- |' * (len(names) + 2)}")
    if speed := figures.get("speed"):
        _print_speed(speed, names)
    if counted := figures.get("statements"):
        cells = [
            f"{counted[name]['statements']:.1f} + {counted[name]['of_transactions']:.1f}"
            for name in names
        ]
        _print_row("SQL statements per cycle + BEGIN, COMMIT", "≤ 11", cells)
    beyond = figures["beyond"]
    cells = [_say_beyond(beyond[name]) if name in beyond else "" for name in names]
    _print_row("comparisons given to more annotators than asked", "0", cells)
    if past := figures.get("history"):
        cells = [f"{past['ratio']:.2f} ({past['late_ms']:.1f} / {past['tenth_ms']:.1f} ms)"]
        cells += [""] * (len(names) - 1)
        _print_row(f"vote {past['votes']:,} of one annotator ÷ vote 10", "≤ 1.1", cells)
    if peer := figures.get("peer"):
        _print_peer(peer)
    print(f"\nload before {figures['load_before']:.1f}, after {figures['load_after']:.1f}")


def _print_speed(speed: dict[str, Any], names: list[str]) -> None:
    for words, volunteers, number, goal in ROWS:
        cells = [f"{speed[name][volunteers][number]:.1f}" for name in names]
        _print_row(words, goal, cells)
    for volunteers in ("32", "1"):
        cells = [_say_cpu(speed[name][volunteers]["cpu_ms_per_cycle"]) for name in names]
        words = f"CPU per cycle at {volunteers}, ms: web + PostgreSQL (worker, client)"
        _print_row(words, "≤ 7", cells)
    first = speed[names[0]]["32"]["cycles_per_s"]
    cells = [""] + [f"{first / speed[name]['32']['cycles_per_s']:.2f}" for name in names[1:]]
    _print_row(f"cycles/s of {names[0]} ÷ this", "≥ 0.85 of the floor", cells)
    first_ms = _cost(speed[names[0]])
    cells = [""] + [f"{first_ms / _cost(speed[name]):.2f}" for name in names[1:]]
    _print_row(f"web + PostgreSQL CPU of {names[0]} ÷ this", "≤ 1.2 of few votes", cells)


def _print_peer(peer: dict[str, Any]) -> None:
    if "not_measured" in peer:
        print(f"\nPotato was not measured: {peer['not_measured']}")
        return
    told = [f"{words}: {peer[n][number]:.1f}" for words, n, number, _goal in ROWS]
    cpu = peer["32"]["cpu_ms_per_cycle"]["web"]
    print(f"\nPotato, from its package: {'; '.join(told)}; CPU per cycle, ms: {cpu:.1f}")


def _cost(of_site: dict[str, Any]) -> float:
    cpu = of_site["32"]["cpu_ms_per_cycle"]
    return float(cpu["web"] + cpu["postgres"])


def _say_cpu(cpu: dict[str, float]) -> str:
    web, postgres, worker, client = (cpu.get(name, 0.0) for name in PROGRAMS)
    return f"{web:.1f} + {postgres:.1f} = {web + postgres:.1f} ({worker:.1f}, {client:.2f})"


def _say_beyond(counts: dict[str, int]) -> str:
    told = f"{counts['beyond']:,} of {counts['given']:,}"
    left = counts["beyond_with_others_left"]
    return f"{told}; {left:,} with others left" if counts["beyond"] else told


def _print_row(words: str, goal: str, cells: list[str]) -> None:
    print(f"| {words} | {goal} | {' | '.join(cells)} |", flush=True)


def print_plans(log: Log, database: str, cycles: int, n: int = 10) -> None:
    """Print the hottest statements with their plans, and say which scan what grows with votes."""
    total = sum(each.ms for each in log.statements.values())
    scanning = []
    for place, statement in enumerate(log.hottest(n), start=1):
        print(
            f"\n### {place}. {statement.ms / total:.0%} of the time,"
            f" {statement.calls / cycles:.2f} a cycle,"
            f" {statement.ms / max(statement.calls, 1):.2f} ms each\n"
            f"\n```sql\n{statement.shape}\n```\n"
        )
        if statement.is_of_transactions:
            print("It has no plan.")
            continue
        plan = explain(statement, database)
        print(f"```\n{plan.text}\n```")
        if plan.scanned:
            scanning.append(place)
            print(f"\n**Scans in sequence: {', '.join(plan.scanned)}.**")
        if plan.rows >= MANY_ROWS:
            print(f"\n**A step of it gives {plan.rows:,} rows.**")
    found = ", ".join(map(str, scanning)) or "none"
    print(f"\nQueries with a sequential scan of a table that grows with votes: {found}.")

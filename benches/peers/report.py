"""The Markdown that `table.py` prints: a table for each model and batch, ratios to ours."""

import statistics

from contestants import CONTESTANTS, PINS, TITLES, TOLERANCES, is_ours
from turns import OTHERS

BY_KEY = {contestant.key: contestant for contestant in CONTESTANTS}


def median(result):
    """Milliseconds an image; None for what was not timed."""
    times = result and result["times_ms"]
    return statistics.median(times) / result["batch"] if times else None


def header(record):
    machine, versions = record["machine"], record["versions"]
    load = machine["load_at_start"]
    return "\n".join([
        f"{record['date']}, {machine['cpu']}, {machine['cores']} cores, {machine['system']}"
        + (f", load {load:.2f} at the start" if load is not None else ""),
        f"instruction sets: {' '.join(machine['instruction_sets']) or 'unknown'}",
        f"mimlet {machine['mimlet']}; "
        + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())),
        f"224 px; medians; turns of each: {record['turns']}, of one run that is not counted and "
        + ", ".join(f"{runs} that are (batch {batch})" for batch, runs in record["runs"].items()),
    ])


def tables(record):
    """All tables, after each what has no time and why, and how to read them."""
    parts = [header(record)]
    results = record["results"]
    pairs = dict.fromkeys((result["model"], result["batch"]) for result in results)
    for model, batch in pairs:
        own = [r for r in results if (r["model"], r["batch"]) == (model, batch)]
        parts.append(table(model, batch, own))
    left_out = record["left_out"]
    if left_out:
        parts.append("Left out by `--only`: " + ", ".join(BY_KEY[key].label for key in left_out) + ".")
    return "\n\n".join(parts + [legend()])


def table(model, batch, results):
    threads = list(dict.fromkeys(result["threads"] for result in results))
    found = {(result["contestant"], result["threads"]): result for result in results}
    keys = list(dict.fromkeys(result["contestant"] for result in results))
    heads = [f"{n} thread{'s' * (n > 1)}, ms | / ours" for n in threads]
    lines = [
        f"## {TITLES[model]}, batch {batch}" + (", milliseconds an image" if batch > 1 else ""),
        "",
        f"| | {' | '.join(heads)} | features off by |",
        "|---" * (2 + 2 * len(threads)) + "|",
    ]
    for key in keys:
        cells = [cell for n in threads for cell in pair(key, n, found)]
        lines.append(f"| {BY_KEY[key].label} | {' | '.join(cells)} | {distance(key, threads, found)} |")
    lines += [""] + best(threads, found) + disturbed(results)
    lines += refusals(keys, threads, found)
    return "\n".join(lines)


def pair(key, threads, found):
    """A time, and what it is of the time of ours in the same precision (bf16: f32)."""
    own = median(found.get((key, threads)))
    if own is None:
        return "-", "-"
    if is_ours(BY_KEY[key]):
        return f"{own:.1f}", ""
    ours = median(found.get((rival(key), threads)))
    return f"{own:.1f}", f"{own / ours:.2f}" if ours else "-"


def rival(key):
    precision = BY_KEY[key].precision
    return "mimlet-int8" if precision == "int8" else "mimlet-f32"


def distance(key, threads, found):
    distances = [found[key, n]["worst_token"] for n in threads if (key, n) in found]
    known = [distance for distance in distances if distance is not None]
    return f"{max(known):.1e}" if known else "-"


def best(threads, found):
    """Ours beside the fastest peer of each precision; int4 beside the int8 ones."""
    lines = []
    for ours, precisions in (
        ("mimlet-f32", ("f32", "bf16")), ("mimlet-int8", ("int8",)), ("mimlet-int4", ("int8",)),
    ):
        words = []
        for n in threads:
            own = median(found.get((ours, n)))
            peers = [
                (median(result), BY_KEY[key].label)
                for (key, count), result in found.items()
                if count == n and BY_KEY[key].precision in precisions and not is_ours(BY_KEY[key])
                and median(result) is not None
            ]
            if own is not None and peers:
                time, label = min(peers)
                words.append(f"{own / time:.2f} on {n} ({label})")
        if words:
            lines.append(f"- {BY_KEY[ours].label} / the fastest of {' and '.join(precisions)}: {', '.join(words)}")
    return lines


def disturbed(results):
    """How many turns other processes disturbed; nothing where the system does not tell."""
    turns = sum(len(result["other_cores"]) for result in results)
    if not turns:
        return []
    count = sum(result["disturbed"] for result in results)
    return [f"- turns in which other processes kept more than {OTHERS:g} cores busy: {count} of {turns}"]


def refusals(keys, threads, found):
    """A line for each reason that a contestant has no time, or used more threads than asked for."""
    reasons = {}
    for key in keys:
        for n in threads:
            result = found.get((key, n))
            reason = result and (result["reason"] or too_many_threads(result))
            if reason:
                reasons.setdefault((key, reason), []).append(str(n))
    return [
        f"- {BY_KEY[key].label}, threads {' and '.join(counts)}: {reason}"
        for (key, reason), counts in reasons.items()
    ]


def too_many_threads(result):
    if not result["own_cores"]:
        return None
    share = statistics.median(result["own_cores"])
    if share <= 1.1 * result["threads"]:
        return None
    return f"timed, but kept {share:.1f} cores busy"


def legend():
    bounds = ", ".join(f"{precision} {bound:g}" for precision, bound in TOLERANCES.items())
    return (
        "Ratios are a peer's time over that of mimlet in the same precision (bf16: f32); above 1, ours is "
        "faster. Features are held to mimlet's in f32: the farthest token's distance, as a share of its "
        f"length; beyond {bounds} no time is taken. Of a batch, mimlet's threads take whole images each; ncnn encodes it image by image."
    )


def versions(rust, python):
    """What the table compares, by package: cargo's pins, and what the interpreter has of PINS."""
    return {**rust, **{name: python[name] for name in PINS if name in python}}

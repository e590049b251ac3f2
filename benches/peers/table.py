"""Encoders beside other runtimes: sets the peers up, checks that all give the same features, and prints
a table of their times with ours in it.

    python3 benches/peers/table.py                          # ViT-Ti/16 and ViT-S/16, over half an hour
    python3 benches/peers/table.py --models tiny --turns 3  # minutes
    python3 benches/peers/table.py --json times.json        # every single time as well

Python peers come from their packages, at the versions of `contestants.py`: from this interpreter when it
has them all, else from an environment made in target/peers. Rust peers are built by cargo at the versions
of benches/Cargo.toml. Progress goes to standard error, the table to standard output. A contestant that
cannot be set up, fails, or gives other features has no times; the table says why.
"""

import sys

if sys.version_info < (3, 11):
    raise SystemExit("table.py takes Python 3.11 or later")
sys.dont_write_bytecode = True

import argparse
import datetime
import json
import subprocess
from pathlib import Path

import machine
import packages
import report
from contest import Contest, Setup, runs_at
from contestants import CONTESTANTS, MODELS, REFERENCE, TITLES
from model_files import ModelFiles

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "target" / "peers"


def say(text):
    print(text, file=sys.stderr, flush=True)


def build():
    """The Rust worker; without it there is nothing of ours to compare."""
    command = ["cargo", "build", "--release", "-p", "mimlet-benches", "--features", "peers", "--example",
               "peers_worker"]
    say(f"building, which takes minutes the first time: {' '.join(command)}")
    command += ["--message-format", "json-render-diagnostics"]
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise SystemExit("cargo is missing: https://rustup.rs") from None
    if done.returncode != 0:
        raise SystemExit("the Rust worker does not build, see above")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "peers_worker":
            return Path(message["executable"])
    raise SystemExit("cargo built no peers_worker")


def arguments():
    keys = [contestant.key for contestant in CONTESTANTS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["tiny", "small"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--turns", type=int, default=10, help="of each contestant (default: 10)")
    parser.add_argument("--retakes", type=int, default=3,
                        help="how often a turn is taken again when other processes disturbed it (default: 3)")
    parser.add_argument("--only", nargs="+", choices=keys, default=keys, metavar="CONTESTANT",
                        help=f"some of: {', '.join(keys)}; {REFERENCE} always runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every time there as well")
    chosen = parser.parse_args()
    if min(chosen.threads + chosen.batch + [chosen.turns]) < 1 or chosen.retakes < 0:
        parser.error("threads, batch and turns are at least 1, retakes at least 0")
    return chosen


def main():
    chosen = arguments()
    FOLDER.mkdir(parents=True, exist_ok=True)
    contestants = [c for c in CONTESTANTS if c.key in chosen.only or c.key == REFERENCE]
    rust_worker = build()
    setup = Setup(FOLDER, rust_worker, *packages.set_up(contestants, FOLDER, say))
    record = {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="minutes"),
        "machine": machine.describe(ROOT),
        "versions": report.versions(machine.rust_pins(ROOT), packages.installed(setup.python)),
        "turns": chosen.turns,
        "retakes": chosen.retakes,
        "runs": {batch: runs_at(batch) for batch in chosen.batch},
        "left_out": [c.key for c in CONTESTANTS if c not in contestants],
        "results": [],
    }
    for model in chosen.models:
        # ncnn's file is always of a single image.
        files = ModelFiles(setup, model, sorted({1, *chosen.batch}), say)
        for batch in chosen.batch:
            for threads in chosen.threads:
                say(f"{TITLES[model]}, batch {batch}, threads {threads}")
                contest = Contest(model, batch, threads, setup, files, say)
                record["results"] += contest.run(contestants, chosen.turns, chosen.retakes)
                if chosen.json:
                    chosen.json.write_text(json.dumps(record, indent=1) + "\n")
    print(report.tables(record))


if __name__ == "__main__":
    main()

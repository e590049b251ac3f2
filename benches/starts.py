"""How long a device waits for its first tokens, and what memory that takes.

    cargo build --release -p mimlet-cli
    python3 benches/starts.py                 # minutes
    python3 benches/starts.py --rounds 5

Whole processes of `mimlet encode --what tokens` on one image, timed from start to exit, each of a model in
turns: on the CPU beside `mimlet bench`'s median, and on a GPU with and without caches. Without means an empty
folder for ours and for the driver's own (Mesa keeps one in XDG_CACHE_HOME); with means what the process
before left there. Files are in the system's cache. Linux, for the peak of memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benches/peers"))
sys.dont_write_bytecode = True

import machine

PROGRAM = ROOT / "target/release/mimlet"
IMAGE = ROOT / "models/digits-tiny/check/0/00000.png"
ON_CPU = ("vit-small-16", "int8")
ON_GPU = (("vit-tiny-16", "f32"), ("vit-tiny-16", "int8"))
MIB = 1 << 20


def model(folder, arch, scheme):
    path = folder / f"{arch}.{scheme}.mim"
    command = [PROGRAM, "new", "--arch", arch, "--scheme", scheme, "--seed", "1", "-o", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def start(folder, path, backend, threads, caches):
    """Milliseconds from start to exit of a process that encodes an image, and its peak of memory, bytes."""
    command = [PROGRAM, "encode", "--backend", backend, "--threads", str(threads), "--what", "tokens"]
    command += ["-o", folder / "tokens.npy", path, IMAGE]
    environment = {**os.environ, "MIMLET_CACHE": str(caches), "XDG_CACHE_HOME": str(caches)}
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    took = (time.perf_counter() - began) * 1e3
    if status != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed with {status}")
    return took, used.ru_maxrss * 1024


def warm(path, threads):
    command = [PROGRAM, "--json", "bench", path, "--backend", "cpu", "--threads", str(threads), "--runs", "30"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def cpu(folder, rounds):
    arch, scheme = ON_CPU
    path = model(folder, arch, scheme)
    print(f"\n## {arch}, {scheme}, on the CPU\n")
    print("| threads | start to tokens, ms | warm, ms | more, ms | peak, MiB | file and planned, MiB | more, MiB |")
    print("|---|---|---|---|---|---|---|")
    for threads in (1, 2):
        caches = folder / "cpu"
        starts, benches = [], []
        for _ in range(rounds):
            starts.append(start(folder, path, "cpu", threads, caches))
            benches.append(warm(path, threads))
        took = statistics.median(took for took, _ in starts)
        peak = max(peak for _, peak in starts) / MIB
        known = statistics.median(bench["p50_ms"] for bench in benches)
        planned = (path.stat().st_size + benches[0]["activation_bytes"]) / MIB
        print(f"| {threads} | {took:.1f} | {known:.1f} | {took - known:.1f} | {peak:.1f} | {planned:.1f} "
              f"| {peak - planned:.1f} |", flush=True)


def gpu(folder, rounds):
    print("\n## On a GPU, start to tokens, ms\n")
    print("| model | without caches | with | share |")
    print("|---|---|---|---|")
    for arch, scheme in ON_GPU:
        path = model(folder, arch, scheme)
        times = []
        for turn in range(rounds):
            caches = folder / f"gpu-{scheme}-{turn}"
            caches.mkdir()
            times.append([start(folder, path, "wgpu", 2, caches)[0] for _ in range(2)])
        cold, known = map(statistics.median, zip(*times))
        print(f"| {arch}, {scheme} | {cold:.0f} | {known:.0f} | {known / cold:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="of each (default: 9)")
    rounds = max(1, parser.parse_args().rounds)
    if not PROGRAM.exists():
        raise SystemExit(f"{PROGRAM} is missing: cargo build --release -p mimlet-cli")
    about = machine.describe(ROOT)
    print(f"{about['cpu']}, {about['cores']} cores, load {about['load_at_start']:.2f} at the start, mimlet {about['mimlet']}")
    with tempfile.TemporaryDirectory() as folder:
        cpu(Path(folder), rounds)
        gpu(Path(folder), rounds)


if __name__ == "__main__":
    main()

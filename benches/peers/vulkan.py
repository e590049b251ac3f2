"""Our GPU backend beside ncnn's and burn's, on the same Vulkan driver, taking turns.

    python3 benches/peers/table.py --models tiny --batch 1 --turns 1   # once: writes the files of all
    cargo build --release -p mimlet-cli
    cargo build --release -p mimlet-train --features vulkan,fast --example encode_images
    python benches/peers/vulkan.py

ncnn comes from its package, at the version of `contestants.py`, in the interpreter that runs this. Its
features through Vulkan are held to its own in f32 on the CPU, which `table.py` holds to ours; `mimlet bench`
gives times only of a run that passed the file's acceptance test. A turn of ncnn is a run that is not
counted and five that are, in f32 and with the 16-bit storage and arithmetic that it takes by default; one
of ours is a process of its own, which runs the acceptance test first. burn (wgpu, with its autotuning and
fusion) runs the encoder of mimlet-train on the same weights; without its program it is left out, and said
to be.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import features
import machine
from turns import Worker, WorkerFailed

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).resolve().parent / "python_worker.py"
BURN = ROOT / "target/release/examples/encode_images"
RUNS = 5
# How far the worst token may be from that of ncnn's CPU path in f32: its shaders round exp and tanh coarser.
SAME = {"ncnn-vulkan": 1e-3, "ncnn-vulkan-f16": 5e-2, "burn": 1e-3}
DIM = {"vit-tiny-16": 192, "vit-small-16": 384}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mimlet", type=Path, default=ROOT / "target/release/mimlet")
    parser.add_argument("--files", type=Path, default=ROOT / "target/peers/models",
                        help="the folder of models that table.py wrote")
    parser.add_argument("--model", choices=sorted(DIM), default="vit-tiny-16")
    parser.add_argument("--turns", type=int, default=5)
    return parser.parse_args()


def worker_of(runtime, args, work):
    folder = args.files / args.model
    if runtime == "burn":
        command = [BURN, folder / "timm.safetensors", folder / "input.f32", "vulkan"]
        return Worker(command, machine.cores(), work / "burn.log")
    command = [sys.executable, WORKER, runtime, folder / "batch-1.ncnn.param", folder / "input.f32", 1,
               machine.cores()]
    return Worker(command, machine.cores(), work / f"{runtime}.log")


def features_of(worker, path):
    worker.ask("run 1")
    worker.ask(f"features {path}")
    return features.read(path)


def peers(args, work):
    """The others' workers through Vulkan; ends the run when their features are not those of ncnn's CPU path."""
    cpu = worker_of("ncnn", args, work)
    reference = features_of(cpu, work / "reference")
    cpu.close()
    workers = {}
    for runtime, bound in SAME.items():
        if runtime == "burn" and not BURN.exists():
            print(f"burn: left out, {BURN.relative_to(ROOT)} is not there")
            continue
        worker = worker_of(runtime, args, work)
        worst = features.worst_token(features_of(worker, work / "features"), reference, DIM[args.model])
        print(f"{runtime}: {worker.description}, features {worst:.1e} off those of ncnn's CPU path")
        if worst > bound:
            raise SystemExit("they are others: no times")
        workers[runtime] = worker
    return workers


def ours(args, file):
    command = [args.mimlet, "bench", file, "--backend", "wgpu", "--runs", RUNS, "--json"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.stdout}")
    return json.loads(done.stdout)


def main():
    args = arguments()
    folder = args.files / args.model
    files = {path.stem: path for path in sorted(folder.glob("*.mim"))}
    if not files or not (folder / "batch-1.ncnn.param").exists():
        raise SystemExit(f"{folder} has no models: run table.py first, see above")
    about = machine.describe(ROOT)
    print(f"{args.model}, batch 1, {about['cpu']}, {about['cores']} cores, {about['system']}, mimlet {about['mimlet']}")
    with tempfile.TemporaryDirectory() as work:
        try:
            run(args, files, Path(work))
        except WorkerFailed as reason:
            raise SystemExit(f"a peer: {reason}") from None


def run(args, files, work):
    workers = peers(args, work)
    times = {name: [] for name in files}
    for turn in range(args.turns):
        for worker in workers.values():
            worker.turn(RUNS, 0)
        for name, file in files.items():
            report = ours(args, file)
            if turn == 0:
                print(f"{name}: {report['backend']['name']}")
            times[name].append(report["p50_ms"])
    theirs = {}
    for runtime, worker in workers.items():
        worker.close()
        theirs[runtime] = statistics.median(worker.times)
        print(f"{runtime}: {theirs[runtime]:.0f} ms, from {min(worker.times):.0f} to {max(worker.times):.0f}")
    best = min(time for runtime, time in theirs.items() if runtime != "burn")
    burn = theirs.get("burn")
    for name, medians in times.items():
        median = statistics.median(medians)
        print(f"mimlet {name}: {median:.0f} ms, medians of turns from {min(medians):.0f} to {max(medians):.0f}, "
              f"{median / best:.2f} of ncnn's faster one" + (f", {median / burn:.2f} of burn's" if burn else ""))


if __name__ == "__main__":
    main()

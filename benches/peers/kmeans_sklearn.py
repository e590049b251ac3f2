"""Mini-batch k-means beside scikit-learn's MiniBatchKMeans: same vectors, same K, same batch size,
same stopping rule, taking turns in one run, each on two threads.

    cargo build --release -p mimlet-train --example kmeans
    python benches/peers/kmeans_sklearn.py [--images 6250] [--rounds 5] [--batch 1024] [K ...]

Needs numpy and scikit-learn. The vectors are the normalised 8-pixel patches of synthetic images, 64
an image: 400,000 of width 192 by default. Times are of the clustering alone, seeding and the last
assignment of all vectors included, reading the file not. The inertia of both is computed here from
the centroids, in f64, as the mean squared distance to the nearest. Each round has another seed;
medians are compared.
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

THREADS = "2"
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[variable] = THREADS

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from sklearn.cluster import MiniBatchKMeans  # noqa: E402

PROGRAM = Path(__file__).resolve().parents[2] / "target/release/examples/kmeans"


def inertia(vectors, centers):
    """Mean squared distance to the nearest centroid, in f64."""
    centers = centers.astype(np.float64)
    norms = (centers**2).sum(axis=1)
    total = 0.0
    for start in range(0, len(vectors), 8192):
        block = vectors[start : start + 8192].astype(np.float64)
        nearest = (norms - 2.0 * block @ centers.T).argmin(axis=1)
        total += ((block - centers[nearest]) ** 2).sum()
    return total / len(vectors)


def ours(rows, folder, clusters, batch, seed):
    centers = folder / "centers.npy"
    command = [PROGRAM, "cluster", rows, centers, clusters, batch, seed]
    output = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    report = json.loads(output.stdout)
    return report["seconds"], np.load(centers), report["steps"]


def theirs(vectors, clusters, batch, seed):
    model = MiniBatchKMeans(clusters, batch_size=batch, n_init=1, random_state=seed)
    started = time.perf_counter()
    model.fit(vectors)
    return time.perf_counter() - started, model.cluster_centers_, model.n_steps_


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("clusters", nargs="*", type=int, default=[100, 1000])
    parser.add_argument("--images", type=int, default=6250)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1024)
    arguments = parser.parse_args()
    if not PROGRAM.exists():
        sys.exit(f"{PROGRAM} is missing; run cargo build --release -p mimlet-train --example kmeans")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rows = folder / "rows.npy"
        subprocess.run([str(PROGRAM), "patches", str(rows), str(arguments.images)], check=True)
        vectors = np.load(rows)
        print(
            f"{vectors.shape[0]} vectors of width {vectors.shape[1]}, batch {arguments.batch}, "
            f"{THREADS} threads, {arguments.rounds} rounds; scikit-learn {sklearn.__version__}, "
            f"numpy {np.__version__}"
        )
        for clusters in arguments.clusters:
            runs = {"mimlet-train": [], "scikit-learn": []}
            for seed in range(arguments.rounds):
                turns = {
                    "mimlet-train": lambda: ours(rows, folder, clusters, arguments.batch, seed),
                    "scikit-learn": lambda: theirs(vectors, clusters, arguments.batch, seed),
                }
                for name, turn in turns.items():
                    seconds, centers, steps = turn()
                    runs[name].append((seconds, inertia(vectors, centers), steps))
            medians = {}
            for name, results in runs.items():
                seconds, inertias, steps = map(statistics.median, zip(*results))
                medians[name] = (seconds, inertias)
                each = " ".join(f"{run[0]:.2f}" for run in results)
                print(
                    f"K {clusters:5} {name:12}  {seconds:7.2f} s  inertia {inertias:.4f}  "
                    f"{steps:.0f} steps  (seconds: {each})"
                )
            (own, own_inertia), (other, other_inertia) = medians.values()
            print(
                f"K {clusters:5} mimlet-train / scikit-learn: time {own / other:.2f}, "
                f"inertia {own_inertia / other_inertia:.4f}"
            )


main()

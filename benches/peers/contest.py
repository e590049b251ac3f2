"""All contestants at one model, batch and number of threads: who may take part, and their turns."""

import math
from dataclasses import dataclass
from pathlib import Path

import features
from contestants import DIMS, REFERENCE, TOLERANCES, is_ours
from turns import Worker, WorkerFailed

PYTHON_WORKER = Path(__file__).resolve().parent / "python_worker.py"
# Counted runs in a turn, one image each, and of a batch.
RUNS, RUNS_OF_A_BATCH = 5, 2


@dataclass(frozen=True)
class Setup:
    """What workers are made from."""

    folder: Path
    rust_worker: Path
    python: str
    # Packages that could not be installed, and why.
    lost: dict


def runs_at(batch):
    return RUNS if batch == 1 else RUNS_OF_A_BATCH


class Contest:
    """Results by contestant, and the workers of those who may take turns."""

    def __init__(self, model, batch, threads, setup, files, say):
        self.model, self.batch, self.threads = model, batch, threads
        self.setup, self.files, self.say = setup, files, say
        self.results = {}
        self.workers = {}
        self.reference = None

    def run(self, contestants, turns, retakes):
        """Results of all contestants."""
        try:
            for contestant in contestants:
                self.enter(contestant)
            self.doubt_ourselves(contestants)
            for turn in range(turns):
                self.say(f"  turn {turn + 1} of {turns}")
                self.take_turns(retakes)
            for key, worker in self.workers.items():
                self.results[key].update(
                    times_ms=worker.times, own_cores=worker.own_cores, other_cores=worker.other_cores,
                    disturbed=worker.disturbed(),
                )
        finally:
            for worker in self.workers.values():
                worker.close()
        return list(self.results.values())

    def enter(self, contestant):
        """Starts a worker, and keeps it if its features are right."""
        result = dict(
            model=self.model, batch=self.batch, threads=self.threads, contestant=contestant.key,
            description=None, worst_token=None, times_ms=[], own_cores=[], other_cores=[], disturbed=0,
            reason=None,
        )
        self.results[contestant.key] = result
        try:
            worker, found = self.start(contestant)
        except WorkerFailed as failure:
            if contestant.key == REFERENCE:
                raise SystemExit(f"{contestant.label}, which others are held to: {failure}") from None
            result["reason"] = str(failure)
            self.say(f"  {contestant.label}: {failure}")
            return
        if contestant.key == REFERENCE:
            self.reference = found
        distance = features.worst_token(found, self.reference, DIMS[self.model])
        bound = TOLERANCES[contestant.precision]
        result["description"] = worker.description
        if math.isinf(distance):
            result["reason"] = "its features are not finite or have another shape"
        else:
            result["worst_token"] = distance
            if distance > bound:
                result["reason"] = f"its features are off by {distance:.1e}, more than {bound:g}"
        if result["reason"]:
            worker.close()
            self.say(f"  {contestant.label}: {result['reason']}")
        else:
            self.workers[contestant.key] = worker
            self.say(f"  {contestant.label}: features off by {distance:.1e}; {worker.description}")

    def start(self, contestant):
        """A worker that is ready, and its features. Raises WorkerFailed."""
        for name in contestant.packages:
            if name in self.setup.lost:
                raise WorkerFailed(self.setup.lost[name])
        file = self.files.get(contestant, self.batch)
        program = [self.setup.rust_worker]
        if not contestant.in_rust:
            program = [self.setup.python, PYTHON_WORKER]
        command = [*program, contestant.runtime, file, self.files.inputs(), self.batch, self.threads]
        worker = Worker(command, self.threads, self.setup.folder / f"{contestant.key}.log")
        path = self.setup.folder / "features.f32"
        try:
            worker.ask(f"features {path}")
        except WorkerFailed:
            worker.close()
            raise
        worker.settle()
        found = features.read(path)
        path.unlink()
        return worker, found

    def doubt_ourselves(self, contestants):
        """Without a peer in f32 that agrees with ours, nobody's features count as right."""
        peers = [c for c in contestants if c.precision == "f32" and not is_ours(c)]
        compared = [c for c in peers if self.results[c.key]["description"]]
        if not compared or any(c.key in self.workers for c in peers):
            return
        for key in list(self.workers):
            self.results[key]["reason"] = "no peer in f32 has the same features as mimlet in f32"
            self.workers.pop(key).close()

    def take_turns(self, retakes):
        for key in list(self.workers):
            try:
                self.workers[key].turn(runs_at(self.batch), retakes)
            except WorkerFailed as failure:
                self.results[key]["reason"] = f"failed during its turns: {failure}"
                self.say(f"  {key}: {failure}")
                self.workers.pop(key).close()

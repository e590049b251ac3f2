"""Contestants as processes that take turns, so that what else the machine does meets all alike. A turn
during which other processes kept the machine busy is taken again, as often as was allowed."""

import json
import os
import queue
import subprocess
import threading
import time
from pathlib import Path

# A worker that says nothing for this long is given up, seconds.
PATIENCE = 900
# Between turns, seconds: threads that spin after a run go to sleep.
PAUSE = 0.05
# A worker counts as quiet when it used less of a pause than this share.
QUIET = 0.05
# Pauses to wait for that.
PAUSES = 20
# Cores that others may keep busy during a turn; the system counts in hundredths of a second.
OTHERS = 0.25
# Before a turn is taken again, seconds.
REST = 1.0


class WorkerFailed(Exception):
    """Why a worker gives no more times."""


class Worker:
    """A process that runs one contestant."""

    def __init__(self, command, threads, log):
        self.log = Path(log)
        self.times = []
        # Cores kept busy in each turn: by the worker, and by everything else.
        self.own_cores = []
        self.other_cores = []
        counts = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "RTEN_NUM_THREADS", "MKL_NUM_THREADS")
        env = dict(os.environ, PYTHONUNBUFFERED="1", **{name: str(threads) for name in counts})
        with open(self.log, "w") as errors:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, text=True, env=env,
            )
        self.answers = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.description = self._answer().removeprefix("ready ")

    def _listen(self):
        for line in self.process.stdout:
            self.answers.put(line.rstrip("\n"))
        self.answers.put(None)

    def _answer(self):
        try:
            line = self.answers.get(timeout=PATIENCE)
        except queue.Empty:
            self.process.kill()
            raise WorkerFailed(f"no answer in {PATIENCE} s") from None
        if line is None:
            code = self.process.wait()
            lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
            raise WorkerFailed(lines[-1].strip() if lines else f"ended with code {code}, without a word")
        return line

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # The reason is in the log, which _answer reads.
        return self._answer()

    def cpu_seconds(self):
        """Processor time of all threads so far; nothing where the system has no /proc."""
        total = 0
        try:
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return total / 1e9

    def settle(self):
        """Waits until the worker's threads sleep."""
        for _ in range(PAUSES):
            before = self.cpu_seconds()
            time.sleep(PAUSE)
            after = self.cpu_seconds()
            if before is None or after is None or after - before < QUIET * PAUSE:
                return

    def turn(self, runs, retakes):
        """`runs` counted runs after one that is not, on a quiet machine if `retakes` suffice."""
        for attempt in range(retakes + 1):
            if attempt:
                time.sleep(REST)
            times, own, others = self._timed(runs)
            self.settle()
            if others is None or others <= OTHERS:
                break
        self.times += times
        if others is not None:
            self.own_cores.append(own)
            self.other_cores.append(others)

    def _timed(self, runs):
        """Times, and cores kept busy meanwhile; None where the system does not tell."""
        own, busy, started = self.cpu_seconds(), busy_seconds(), time.perf_counter()
        times = json.loads(self.ask(f"run {runs}"))
        wall = time.perf_counter() - started
        own_after, busy_after = self.cpu_seconds(), busy_seconds()
        if None in (own, busy, own_after, busy_after):
            return times, None, None
        own = (own_after - own) / wall
        return times, own, max(0.0, (busy_after - busy) / wall - own)

    def disturbed(self):
        """Turns that others disturbed even at the last try."""
        return sum(others > OTHERS for others in self.other_cores)

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def busy_seconds():
    """Processor time of the whole machine so far, with what a host took from it; nothing where the system
    has no /proc."""
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        return None
    idle, waiting = 3, 4
    busy = sum(ticks for index, ticks in enumerate(fields) if index not in (idle, waiting))
    return busy / os.sysconf("SC_CLK_TCK")

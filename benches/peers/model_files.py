"""The files of one model that contestants read: written by the Rust worker, converted by peers' tools."""

import hashlib
import json
import subprocess
from pathlib import Path

from contestants import MODELS
from turns import WorkerFailed

CONVERTER = Path(__file__).resolve().parent / "converted_files.py"


class ModelFiles:
    """A folder of files, written anew when the worker that writes them has changed."""

    def __init__(self, setup, model, batches, say):
        self.setup = setup
        self.say = say
        self.folder = setup.folder / "models" / MODELS[model]
        self.failures = {}
        mark = self.folder / "written.json"
        digest = hashlib.sha256(setup.rust_worker.read_bytes()).hexdigest()
        written = json.loads(mark.read_text()) if mark.exists() else {}
        if written.get("worker") == digest:
            if set(batches) <= set(written["batches"]):
                return
            batches = sorted({*batches, *written["batches"]})
        say(f"writing {self.folder}")
        for file in self.folder.glob("*"):
            file.unlink()
        command = [setup.rust_worker, "write", MODELS[model], self.folder, *batches]
        done = subprocess.run([str(word) for word in command])
        if done.returncode != 0:
            raise SystemExit(f"{MODELS[model]} could not be written, see above")
        mark.write_text(json.dumps({"worker": digest, "batches": batches}))

    def inputs(self):
        return self.folder / "input.f32"

    def get(self, contestant, batch):
        """The file that a contestant reads; raises WorkerFailed when it cannot be made."""
        path = self.folder / contestant.file.format(batch=batch)
        if path.suffix == ".param":
            self.convert("ncnn", self.folder / "batch-1.onnx", path)
        elif path.name.endswith(".int8.onnx"):
            self.convert("int8", self.folder / f"batch-{batch}.onnx", path)
        return path

    def convert(self, kind, source, target):
        if target.exists():
            return
        if target not in self.failures:
            self.say(f"  converting {source.name} to {target.name}")
            command = [self.setup.python, CONVERTER, kind, source, target]
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
            lines = done.stderr.strip().splitlines()
            if done.returncode == 0 and target.exists():
                return
            self.failures[target] = f"no {target.name}: {lines[-1] if lines else 'no word why'}"
        raise WorkerFailed(self.failures[target])

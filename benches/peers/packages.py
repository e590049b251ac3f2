"""An interpreter that has the peers' packages: the one that runs, or one made in target/peers."""

import json
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

from contestants import PINS

LIST = """
import json
from importlib import metadata
print(json.dumps({d.metadata["Name"].lower(): d.version for d in metadata.distributions()}))
"""


def running_interpreter_has(names):
    def has(name):
        try:
            return matches(metadata.version(name), PINS[name])
        except metadata.PackageNotFoundError:
            return False

    return all(has(name) for name in names)


def matches(found, pin):
    """Whether a version is the pinned one; `2.15.0+cpu` is a build of 2.15.0."""
    return found is not None and found.partition("+")[0] == pin


def installed(python):
    done = subprocess.run([str(python), "-c", LIST], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def set_up(contestants, folder, say):
    """An interpreter, and for each package that it could not be given the reason."""
    wanted = sorted({name for contestant in contestants for name in contestant.packages})
    if running_interpreter_has(wanted):
        return sys.executable, {}
    environment = Path(folder) / "venv"
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        say(f"making {environment}")
        try:
            venv.create(environment, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(environment, ignore_errors=True)
            reason = f"no environment (Debian has it in python3-venv) could be made in {environment}: {error}"
            return sys.executable, {name: reason for name in wanted}
    failures = {}
    for names in sorted({contestant.packages for contestant in contestants}, key=len):
        missing = missing_of(names, python)
        if missing:
            reason = install(python, missing, say)
            lost = missing_of(missing, python)
            failures.update({name: f"`pip install {name}=={PINS[name]}`: {reason}" for name in lost})
    return str(python), {name: failures[name] for name in missing_of(failures, python)}


def missing_of(names, python):
    have = installed(python)
    return [name for name in names if not matches(have.get(name), PINS[name])]


def install(python, names, say):
    pins = [f"{name}=={PINS[name]}" for name in names]
    say(f"installing {', '.join(pins)}")
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"pip ended with code {done.returncode}"

"""What a table was measured on."""

import os
import platform
import subprocess
import tomllib
from pathlib import Path

# Instruction sets that decide which kernels a runtime picks.
NOTABLE = (
    "avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16",
    "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve",
)


def cpu_info():
    """`/proc/cpuinfo` of the first core, by key; empty elsewhere than on Linux."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def cpu_name():
    info = cpu_info()
    name = info.get("model name") or info.get("Model")
    if name:
        family = [f"{key} {info[key]}" for key in ("cpu family", "model") if key in info]
        return f"{name} ({', '.join(family)})" if family else name
    command = ["sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or platform.machine()
    except OSError:
        return platform.processor() or platform.machine()


def instruction_sets():
    info = cpu_info()
    have = set((info.get("flags") or info.get("Features") or "").split())
    return [name for name in NOTABLE if name in have]


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def load():
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def revision(root):
    """Commit of the repository, with a mark when files differ from it."""

    def git(*words):
        try:
            done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True)
        except OSError:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short", "HEAD")
    if not commit:
        return "unknown commit"
    return commit + (" with changes" if git("status", "--porcelain") else "")


def rust_pins(root):
    """Versions of the peers that cargo brings."""
    manifest = tomllib.loads((Path(root) / "benches/Cargo.toml").read_text())
    names = ("rten", "tract-onnx")
    return {name: manifest["dependencies"][name]["version"].lstrip("=") for name in names}


def describe(root):
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "instruction_sets": instruction_sets(),
        "load_at_start": load(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "mimlet": revision(root),
    }

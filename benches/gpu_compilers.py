"""What the compilers of phones' and boards' GPUs make of each kernel, without such a GPU.

    cargo build --release -p mimlet-cli && cargo build --release -p mimlet-wgpu --example compile
    python3 benches/gpu_compilers.py MESA                # a table for ViT-Tiny/16 in f32, int8 and int4
    python3 benches/gpu_compilers.py MESA model.mim      # for another model

MESA is a build folder of Mesa with Vulkan drivers and `drm-shim`, which answers in a kernel driver's place, so
that pipelines compile and nothing runs. Mesa 25.0 is built for it by

    meson setup MESA -Dvulkan-drivers=broadcom,freedreno,panfrost -Dgallium-drivers= -Dtools=drm-shim \\
        -Dplatforms= -Dglx=disabled -Degl=disabled -Dgbm=disabled -Dopengl=false -Dllvm=enabled
    ninja -C MESA

In 25.0.7, `v3d_noop.c` lacks two parameters that V3DV asks for: let DRM_V3D_PARAM_SUPPORTS_MULTISYNC_EXT and
DRM_V3D_PARAM_SUPPORTS_CPU_QUEUE be 1.

A kernel's figures are of the first shape that it is compiled for: instructions of the whole program, most of
which are its inner loop, and how many values it keeps in memory for lack of registers, written : read again.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPILE = ROOT / "target/release/examples/compile"
PROGRAM = ROOT / "target/release/mimlet"

# A GPU, the driver's library, what stands in for the kernel's driver, and what makes the driver talk.
GPUS = {
    "V3D 4.2": (
        "broadcom/vulkan/libvulkan_broadcom.so",
        "broadcom/drm-shim/libv3d_noop_drm_shim.so",
        {"V3D_DEBUG": "shaderdb"},
    ),
    "Mali-G610": (
        "panfrost/vulkan/libvulkan_panfrost.so",
        "panfrost/drm-shim/libpanfrost_noop_drm_shim.so",
        {
            "PAN_I_WANT_A_BROKEN_VULKAN_DRIVER": "1",
            "PAN_GPU_ID": "a867",
            "BIFROST_MESA_DEBUG": "shaderdb",
        },
    ),
    "Adreno 740": (
        "freedreno/vulkan/libvulkan_freedreno.so",
        "freedreno/drm-shim/libfreedreno_noop_drm_shim.so",
        {"FD_GPU_ID": "740", "IR3_SHADER_DEBUG": "cs"},
    ),
}
# One line of V3D's and Mali's compilers; of Adreno's a line at the end of each program, after its
# instructions, of which `stp` and `ldp` are writes and reads of private memory.
LINE = re.compile(r"COMPUTE.* (\d+) inst,.* (\d+:\d+) spills:fills")
ADRENO = re.compile(r"prog \d+/\d+: (\d+) instr")


def output(mesa, gpu, model, scratch):
    library, shim, environment = GPUS[gpu]
    manifest = scratch / "driver.json"
    icd = {"library_path": str(mesa / "src" / library), "api_version": "1.3.0"}
    manifest.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": icd}))
    environment = environment | {
        "LD_PRELOAD": str(mesa / "src" / shim),
        "VK_ICD_FILENAMES": str(manifest),
        "WGPU_BACKEND": "vulkan",
        "MESA_SHADER_CACHE_DISABLE": "true",
    }
    run = subprocess.run(
        [COMPILE, model], env=os.environ | environment, capture_output=True, text=True, errors="replace"
    )
    printed = run.stderr + run.stdout
    # Some of the stand-ins crash at the very end, when a device is closed.
    if "\ncompiled all" not in printed:
        sys.exit(f"{gpu} did not compile all of {model}:\n" + printed[-2000:])
    return printed


def figures(printed):
    """Of each kernel, by the first shape: instructions, values written to memory and read back."""
    found, kernel, private = {}, None, [0, 0]
    for line in printed.splitlines():
        if line.startswith("kernel "):
            kernel, private = line.split()[1].rstrip(":"), [0, 0]
        elif match := LINE.search(line):
            found.setdefault(kernel, match.groups())
        elif match := ADRENO.search(line):
            found.setdefault(kernel, (match[1], "{}:{}".format(*private)))
        else:
            private[0] += bool(re.search(r"\bstp\.", line))
            private[1] += bool(re.search(r"\bldp\.", line))
    found.pop(None, None)
    return found


def table(mesa, model, scratch):
    of = {gpu: figures(output(mesa, gpu, model, scratch)) for gpu in GPUS}
    print(f"## {model.name}\n\n| kernel | " + " | ".join(of) + " |\n|" + "---|" * (len(of) + 1))
    for kernel in dict.fromkeys(kernel for found in of.values() for kernel in found):
        cells = (found.get(kernel) for found in of.values())
        texts = ("{}, {}".format(*cell) if cell else "-" for cell in cells)
        print(f"| {kernel} | " + " | ".join(texts) + " |")
    print(flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mesa", type=Path, help="Mesa's build folder")
    parser.add_argument("models", nargs="*", type=Path, help="ViT-Tiny/16 in three precisions, if none")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        models = given.models
        for scheme in () if models else ("f32", "int8", "int4"):
            path = scratch / f"vit-tiny-16.{scheme}.mim"
            command = [PROGRAM, "new", "--arch", "vit-tiny-16", "--codebook", "100", "--seed", "1"]
            subprocess.run([*command, "--scheme", scheme, "-o", path], check=True, stdout=subprocess.DEVNULL)
            models = [*models, path]
        for model in models:
            table(given.mesa.resolve(), model, scratch)


if __name__ == "__main__":
    main()

"""Who takes part in `table.py`, what each reads, and which packages it comes from."""

from dataclasses import dataclass

MODELS = {"tiny": "vit-tiny-16", "small": "vit-small-16", "base": "vit-base-16"}
TITLES = {"tiny": "ViT-Ti/16", "small": "ViT-S/16", "base": "ViT-B/16"}
DIMS = {"tiny": 192, "small": 384, "base": 768}

# Exact versions, so that a table can be made again.
PINS = {
    "ncnn": "1.0.20261020",
    "numpy": "2.4.6",
    "onnx": "1.23.2",
    "onnxruntime": "1.32.0",
    "openvino": "2026.4.1",
    "pnnx": "20261020",
    "safetensors": "0.8.0",
    "sympy": "1.14.0",
    "timm": "1.0.31",
    "torch": "2.15.0",
    "torchvision": "0.29.2",
}

# `quant_pre_process` needs sympy and does not ask for it.
QUANTISER = ("numpy", "onnx", "onnxruntime", "sympy")


@dataclass(frozen=True)
class Contestant:
    """One row of the table."""

    key: str
    label: str
    precision: str
    # A subcommand of the Rust worker or of `python_worker.py`.
    runtime: str
    in_rust: bool
    # What it reads in a model's folder.
    file: str
    # What it, or the maker of its file, needs of PINS.
    packages: tuple = ()


CONTESTANTS = (
    Contestant("mimlet-f32", "mimlet f32", "f32", "mimlet", True, "f32.mim"),
    Contestant("mimlet-int8", "mimlet int8", "int8", "mimlet", True, "int8.mim"),
    Contestant("mimlet-int4", "mimlet int4", "int4", "mimlet", True, "int4.mim"),
    Contestant("onnxruntime-f32", "ONNX Runtime f32", "f32", "onnxruntime", False,
               "batch-{batch}.onnx", ("numpy", "onnxruntime")),
    Contestant("onnxruntime-int8", "ONNX Runtime dynamic int8", "int8", "onnxruntime", False,
               "batch-{batch}.int8.onnx", QUANTISER),
    Contestant("openvino-f32", "OpenVINO f32", "f32", "openvino-f32", False,
               "batch-{batch}.onnx", ("numpy", "openvino")),
    Contestant("openvino-bf16", "OpenVINO bf16", "bf16", "openvino-bf16", False,
               "batch-{batch}.onnx", ("numpy", "openvino")),
    Contestant("rten-f32", "rten f32", "f32", "rten", True, "batch-{batch}.onnx"),
    Contestant("rten-int8", "rten, the same int8 file", "int8", "rten", True,
               "batch-{batch}.int8.onnx", QUANTISER),
    Contestant("tract-f32", "tract f32", "f32", "tract", True, "batch-{batch}.onnx"),
    Contestant("ncnn-f32", "ncnn f32", "f32", "ncnn", False, "batch-1.ncnn.param",
               ("numpy", "ncnn", "pnnx", "torch")),
    Contestant("torch-f32", "PyTorch f32, eager", "f32", "torch", False, "timm.safetensors",
               ("numpy", "torch", "torchvision", "timm", "safetensors")),
)

# mimlet's features in f32 are what all others are held to, so it always runs.
REFERENCE = "mimlet-f32"

# Largest distance of a token's features from mimlet's in f32, as a share of their length.
TOLERANCES = {"f32": 1e-4, "bf16": 0.1, "int8": 0.2, "int4": 0.3}


def is_ours(contestant):
    return contestant.runtime == "mimlet"

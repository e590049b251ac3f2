"""Files that peers' own tools make of an ONNX graph: int8 by ONNX Runtime, ncnn's by pnnx.

    converted_files.py int8 batch-1.onnx batch-1.int8.onnx
    converted_files.py ncnn batch-1.onnx batch-1.ncnn.param
"""

import subprocess
import sys
import tempfile
from pathlib import Path


def int8(source, target):
    """As ONNX Runtime's documentation advises for transformers: prepare, then quantise the matrix
    products dynamically, weights to signed bytes with one scale per tensor, which is its default."""
    from onnxruntime.quantization import quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(source, prepared)
        quantize_dynamic(prepared, target, op_types_to_quantize=["MatMul"])


def ncnn(source, target):
    """By pnnx, weights in f32."""
    import pnnx

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        made = work / "model.ncnn.param"
        (work / "model.onnx").write_bytes(source.read_bytes())
        command = [pnnx.EXEC_PATH, "model.onnx", "inputshape=[1,3,224,224]", "fp16=0"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
        if not made.is_file():
            lines = (done.stderr + done.stdout).strip().splitlines()
            raise SystemExit(f"pnnx made no ncnn file, code {done.returncode}: {lines[-1:]}")
        target.with_suffix(".bin").write_bytes(made.with_suffix(".bin").read_bytes())
        target.write_bytes(made.read_bytes())


def main():
    kind, source, target = sys.argv[1:]
    {"int8": int8, "ncnn": ncnn}[kind](Path(source), Path(target))


if __name__ == "__main__":
    main()

"""The Python side of `table.py`: runs one peer as a worker that waits for its turns.

    python_worker.py RUNTIME FILE INPUT BATCH THREADS

Speaks as `turns.rs` does: first `ready` and a description; `run K` is answered with the milliseconds of
K runs after one that is not counted, `features PATH` with `written`.
"""

import json
import os
import sys
import time

import numpy as np

SIDE = 224


class OnnxRuntime:
    """Its default optimisations; its threads may spin within a run, as they do by default."""

    def __init__(self, file, batch, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.input = {self.session.get_inputs()[0].name: batch}
        self.description = f"onnxruntime {onnxruntime.__version__}"

    def run(self):
        return self.session.run(None, self.input)[0]


class OpenVino:
    """One stream with all threads: the latency hint."""

    def __init__(self, file, batch, threads, precision):
        import openvino

        core = openvino.Core()
        capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and "BF16" not in capabilities:
            raise SystemExit(f"this CPU has no bf16 instructions: OpenVINO finds {', '.join(capabilities)}")
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(threads),
            "INFERENCE_PRECISION_HINT": precision,
        }
        self.request = core.compile_model(file, "CPU", settings).create_infer_request()
        self.batch = batch
        self.description = f"openvino {openvino.__version__}"

    def run(self):
        outputs = self.request.infer([self.batch], share_inputs=True, share_outputs=True)
        return outputs[0]


class Ncnn:
    """Image by image: its blobs have no batch axis. No 16-bit storage, to stay in f32, unless asked for."""

    def __init__(self, file, batch, threads, vulkan=False, halves=False):
        import ncnn

        self.ncnn = ncnn
        self.net = ncnn.Net()
        if vulkan and ncnn.get_gpu_count() == 0:
            raise SystemExit("ncnn finds no Vulkan device")
        self.net.opt.use_vulkan_compute = vulkan
        self.net.opt.num_threads = threads
        for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(self.net.opt, name, halves and "bf16" not in name)
        if self.net.load_param(file) or self.net.load_model(file.removesuffix(".param") + ".bin"):
            raise SystemExit(f"ncnn cannot read {file}")
        self.images = [np.ascontiguousarray(image) for image in batch]
        self.description = f"ncnn {ncnn.__version__}"
        if vulkan:
            self.description += f" on {ncnn.get_gpu_info(0).device_name()}"

    def run(self):
        return np.stack([self.one(image) for image in self.images])

    def one(self, image):
        extractor = self.net.create_extractor()
        extractor.input("in0", self.ncnn.Mat(image))
        code, features = extractor.extract("out0")
        if code:
            raise SystemExit(f"ncnn's extract ended with code {code}")
        return np.array(features)


class Torch:
    """timm's `VisionTransformer`, eager, with the attention that timm picks."""

    def __init__(self, file, batch, threads):
        import timm
        import torch
        from safetensors.torch import load_file

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        weights = load_file(file)
        dim = weights["pos_embed"].shape[-1]
        depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
        model = timm.models.vision_transformer.VisionTransformer(
            img_size=SIDE, patch_size=16, embed_dim=dim, depth=depth, num_heads=dim // 64, num_classes=0
        )
        model.load_state_dict(weights)
        self.model = model.eval()
        self.batch = torch.from_numpy(batch)
        self.torch = torch
        self.description = f"torch {torch.__version__}, timm {timm.__version__}"

    def run(self):
        with self.torch.inference_mode():
            return self.model.forward_features(self.batch)


RUNTIMES = {
    "onnxruntime": OnnxRuntime,
    "openvino-f32": lambda *arguments: OpenVino(*arguments, "f32"),
    "openvino-bf16": lambda *arguments: OpenVino(*arguments, "bf16"),
    "ncnn": Ncnn,
    "ncnn-vulkan": lambda *arguments: Ncnn(*arguments, vulkan=True),
    "ncnn-vulkan-f16": lambda *arguments: Ncnn(*arguments, vulkan=True, halves=True),
    "torch": Torch,
}


def serve(peer, commands, answers):
    """Takes turns until the commands end."""
    print("ready", peer.description, file=answers, flush=True)
    for line in commands:
        command, _, argument = line.rstrip("\n").partition(" ")
        if command == "run":
            peer.run()
            times = []
            for _ in range(int(argument)):
                started = time.perf_counter()
                peer.run()
                times.append(1e3 * (time.perf_counter() - started))
            print(json.dumps(times), file=answers, flush=True)
        elif command == "features":
            np.asarray(peer.run(), np.float32).tofile(argument)
            print("written", file=answers, flush=True)
        else:
            raise SystemExit(f"`{line.strip()}` is neither `run K` nor `features PATH`")


def main():
    # What a peer prints itself must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    runtime, file, images, batch, threads = sys.argv[1:]
    values = np.fromfile(images, np.float32).reshape(-1, 3, SIDE, SIDE)[: int(batch)]
    if len(values) < int(batch):
        raise SystemExit(f"{images} has fewer than {batch} images")
    serve(RUNTIMES[runtime](file, np.ascontiguousarray(values), int(threads)), sys.stdin, answers)


if __name__ == "__main__":
    main()

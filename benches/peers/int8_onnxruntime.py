"""int8 beside ONNX Runtime's dynamic quantisation: the same weights, the same inputs, the features of
both held to the float model's.

    cargo build --release -p mimlet-cli
    pip install torch timm onnx onnxruntime onnxscript safetensors pillow
    python benches/peers/int8_onnxruntime.py

Three models: shapes-tiny and digits-tiny of models/ on their check images, and timm's
vit_small_patch16_224 with random weights and the outliers that training brings (a few massive channels
in the residual stream, uneven norm gains: Sun et al. 2024, arXiv 2402.17762) on drawn images, with a
k-means codebook of its own features.
ONNX Runtime quantises as its documentation advises for transformers: `quant_pre_process`, then
`quantize_dynamic` to signed bytes, per tensor and per channel. Ours runs through `mimlet export` and
`mimlet encode`, calibrated on other images than those it is measured on where there are enough.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import timm
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image, ImageDraw, ImageFilter
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
# Image, patch, width, depth, heads.
MODELS = {"shapes-tiny": (64, 8, 128, 5, 4), "digits-tiny": (32, 4, 64, 4, 4)}


def vit(image_size, patch, dim, depth, heads):
    model = timm.models.vision_transformer.VisionTransformer(
        img_size=image_size, patch_size=patch, embed_dim=dim, depth=depth, num_heads=heads, num_classes=0
    )
    return model.eval()


class Tokens(torch.nn.Module):
    """The encoder up to its final norm, all tokens."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model.forward_features(images)


def add_outliers(model, seed):
    """Uneven gains, and three channels that an early MLP raises and later norms turn down."""
    rng = np.random.default_rng(seed)
    dim, depth = model.embed_dim, len(model.blocks)
    massive = sorted(rng.choice(dim, 3, replace=False).tolist())
    first = depth // 4
    norms = [(i, norm) for i, block in enumerate(model.blocks) for norm in (block.norm1, block.norm2)]
    with torch.no_grad():
        for index, norm in norms + [(depth, model.norm)]:
            gain = np.exp(rng.normal(0, 0.5, dim))
            if index > first:
                gain[massive] *= rng.uniform(0.03, 0.3, len(massive))
            norm.weight.mul_(torch.from_numpy(gain).float())
        fc2 = model.blocks[first].mlp.fc2
        for channel in massive:
            sign = rng.choice([-1.0, 1.0])
            fc2.bias[channel] = float(sign * rng.uniform(8, 20))
            fc2.weight[channel] *= 4
            model.cls_token[0, 0, channel] = float(sign * rng.uniform(40, 80))


def random_vit_small(seed):
    """timm's shape with weights of the sizes that training starts from (Glorot), and outliers."""
    torch.manual_seed(seed)
    model = vit(224, 16, 384, 12, 6)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim >= 2 and "token" not in name and "pos" not in name:
                torch.nn.init.xavier_normal_(parameter.view(parameter.shape[0], -1))
            elif "pos" in name or "token" in name:
                torch.nn.init.normal_(parameter, std=0.3)
            elif name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.02)
    add_outliers(model, seed)
    return model


def drawn(count, size, seed):
    """Images with structure at several scales: blends, blobs, bars and noise."""
    rng = np.random.default_rng(seed)
    colour = lambda: tuple(int(v) for v in rng.integers(0, 256, 3))
    images = []
    for _ in range(count):
        small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        image = small.resize((size, size), Image.BICUBIC)
        draw = ImageDraw.Draw(image)
        for _ in range(rng.integers(3, 9)):
            x, y, w, h = (rng.uniform(0, 1, 4) * [size, size, size / 2, size / 2]).tolist()
            shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
            shape([x, y, x + w, y + h], fill=colour())
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2)))
        noise = rng.normal(0, rng.uniform(0, 12), (size, size, 3))
        images.append(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
    return images


def normalised(images):
    pixels = np.stack(images).astype(np.float32) / 255
    return np.ascontiguousarray(((pixels - MEAN) / STD).transpose(0, 3, 1, 2))


def kmeans(rows, k, seed, rounds=20):
    rng = np.random.default_rng(seed)
    centres = rows[rng.choice(len(rows), k, replace=False)]
    for _ in range(rounds):
        nearest = tokens(rows, centres)
        for j in range(k):
            if (nearest == j).any():
                centres[j] = rows[nearest == j].mean(0)
    return centres


def tokens(rows, centres):
    rows, centres = rows.astype(np.float64), centres.astype(np.float64)
    return ((centres**2).sum(1) - 2 * rows @ centres.T).argmin(1)


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def ours(binary, work, checkpoint, heads, codebook, calibration, inputs, scheme):
    file, out = work / f"{scheme}.mim", work / f"{scheme}.npy"
    run(binary, "export", checkpoint, "--heads", heads, "--codebook", codebook, "--calibrate", calibration,
        "--scheme", scheme, "--min-agreement", "0", "-o", file)
    paths = []
    for index, image in enumerate(inputs):
        paths.append(work / f"input{index:04}.npy")
        np.save(paths[-1], image)
    run(binary, "encode", file, *paths, "--backend", "cpu", "--what", "patches", "-o", out)
    return np.load(out), file.stat().st_size


def theirs(work, model, inputs):
    """Features by ONNX Runtime, and file sizes: float, per tensor, per channel."""
    float_file, prepared = work / "float.onnx", work / "prepared.onnx"
    example = torch.from_numpy(inputs[:1])
    names = {"input_names": ["images"], "output_names": ["tokens"]}
    torch.onnx.export(Tokens(model), (example,), float_file, dynamo=False, opset_version=17, **names)
    quant_pre_process(float_file, prepared)
    files = {"float": float_file}
    for name, per_channel in (("per tensor", False), ("per channel", True)):
        files[name] = work / f"{name.replace(' ', '_')}.onnx"
        quantize_dynamic(prepared, files[name], per_channel=per_channel, weight_type=QuantType.QInt8)
    results = {}
    for name, file in files.items():
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        out = [session.run(None, {"images": image[None]})[0][0, 1:] for image in inputs]
        results[name] = (np.stack(out), file.stat().st_size)
    return results


def row(name, features, size, expected, centres):
    a, b = features.astype(np.float64), expected.astype(np.float64)
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    error = np.linalg.norm(a - b) / np.linalg.norm(b)
    flat = lambda features: features.reshape(-1, features.shape[-1])
    agreement = (tokens(flat(a), centres) == tokens(flat(b), centres)).mean()
    print(f"| {name} | {size / 1e6:.2f} | {cosine.min():.6f} | {cosine.mean():.6f} | {error:.5f} "
          f"| {100 * agreement:.2f} % |")
    return error


def compare(title, binary, model, checkpoint, heads, codebook, centres, calibration, images, schemes):
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        inputs = normalised(images)
        with torch.no_grad():
            expected = np.concatenate([Tokens(model)(torch.from_numpy(i[None])).numpy() for i in inputs])[:, 1:]
        print(f"\n## {title}, {len(images)} images\n")
        print("| | MB | lowest cosine | mean cosine | relative error | tokens |\n|---|---|---|---|---|---|")
        errors = {}
        for name, (features, size) in theirs(work, model, inputs).items():
            errors[name] = row(f"ONNX Runtime {name}", features, size, expected, centres)
        for scheme in schemes:
            made = ours(binary, work, checkpoint, heads, codebook, calibration, inputs, scheme)
            errors[scheme] = row(f"mimlet {scheme}", *made, expected, centres)
        best = min(errors["per tensor"], errors["per channel"])
        print(f"\nError of mimlet int8 / of ONNX Runtime's better one: {errors['int8'] / best:.3f}")


def save_codebook(path, centres):
    save_file({"centers": torch.from_numpy(centres.astype(np.float32))}, path, {"space": "features"})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/mimlet")
    parser.add_argument("--images", type=int, default=24, help="images of the ViT-Small")
    parser.add_argument("--schemes", default="f32,int8,int4", help="mimlet's schemes")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    schemes = arguments.schemes.split(",")
    print(f"ONNX Runtime {onnxruntime.__version__}, timm {timm.__version__}, torch {torch.__version__}")

    for name, shape in MODELS.items():
        folder = ROOT / "models" / name
        model = vit(*shape)
        model.load_state_dict({k: v.float() for k, v in load_file(folder / "encoder.safetensors").items()})
        images = []
        for file in sorted((folder / "check").glob("*/*.png")):
            image = Image.open(file).convert("RGB").resize((shape[0], shape[0]), Image.BICUBIC)
            images.append(np.asarray(image))
        codebook = folder / "feature-codebook.safetensors"
        centres = load_file(codebook)["centers"].numpy()
        compare(name, arguments.binary, model, folder / "encoder.safetensors", shape[-1], codebook, centres,
                folder / "check", images, schemes)

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        model = random_vit_small(seed=1)
        checkpoint, codebook, calibration = work / "vit.safetensors", work / "codebook.safetensors", work / "images"
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, checkpoint)
        calibration.mkdir()
        other = drawn(48, 224, seed=2)
        for index, image in enumerate(other):
            Image.fromarray(image).resize((256, 256)).save(calibration / f"{index:03}.png")
        with torch.no_grad():
            features = np.concatenate([Tokens(model)(torch.from_numpy(i[None])).numpy()[0, 1:] for i in normalised(other[:24])])
        centres = kmeans(features, 100, seed=3)
        save_codebook(codebook, centres)
        compare("ViT-Small/16 at 224 px, random with outliers", arguments.binary, model, checkpoint, 6, codebook,
                centres, calibration, drawn(arguments.images, 224, seed=4), schemes)


if __name__ == "__main__":
    main()

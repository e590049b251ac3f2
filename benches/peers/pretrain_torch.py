"""ClusterMIM pre-training steps in PyTorch, timed beside mimlet-train's.

    pip install torch        # 2.x; a CPU build is enough
    cargo build --release -p mimlet-train --example pretrain_step
    python benches/peers/pretrain_torch.py

Both sides train the same network on the same shapes of random data: a masked ViT encoder, a
decoder over all patches, cross-entropy over K tokens, AdamW with a clip of the global norm, all
in float32. Turns of one side and the other alternate, so that what else the machine does meets
both; a turn is a few steps that are not counted and some that are, and medians are compared.
On a machine that has other work, the processor time of one
thread says more than the clock does; it is printed beside it.
PyTorch runs in eager mode with `scaled_dot_product_attention` and its fused AdamW; `--compile`
adds a side under `torch.compile`, which needs a C++ compiler.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "target" / "release" / "examples" / "pretrain_step"


@dataclass(frozen=True)
class Shape:
    """Sizes of one network and its batch; the example of mimlet-train has the same."""

    patches: int
    visible: int
    patch_dim: int
    dim: int
    depth: int
    heads: int
    decoder_dim: int
    decoder_depth: int
    decoder_heads: int
    tokens: int
    batch: int


SHAPES = {
    "shapes-tiny": Shape(64, 16, 192, 128, 5, 4, 64, 2, 4, 100, 64),
    "vit-tiny-224": Shape(196, 49, 768, 192, 12, 3, 128, 2, 4, 500, 16),
}
WARM, COUNTED = 2, 5


def torch_side(shape, compiled):
    """A function that takes one training step."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self, dim, heads):
            super().__init__()
            self.norm1 = nn.LayerNorm(dim, eps=1e-6)
            self.qkv = nn.Linear(dim, 3 * dim)
            self.proj = nn.Linear(dim, dim)
            self.norm2 = nn.LayerNorm(dim, eps=1e-6)
            self.fc1 = nn.Linear(dim, 4 * dim)
            self.fc2 = nn.Linear(4 * dim, dim)
            self.heads = heads

        def forward(self, x):
            batch, count, dim = x.shape
            qkv = self.qkv(self.norm1(x)).reshape(batch, count, 3, self.heads, dim // self.heads)
            queries, keys, values = qkv.permute(2, 0, 3, 1, 4).unbind(0)
            mixed = functional.scaled_dot_product_attention(queries, keys, values)
            x = x + self.proj(mixed.transpose(1, 2).reshape(batch, count, dim))
            return x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))

    class Mae(nn.Module):
        def __init__(self):
            super().__init__()
            dim, wide = shape.dim, shape.decoder_dim
            self.embed = nn.Linear(shape.patch_dim, dim)
            self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, dim))
            self.register_buffer("positions", torch.randn(shape.patches, dim))
            self.blocks = nn.Sequential(*[Block(dim, shape.heads) for _ in range(shape.depth)])
            self.norm = nn.LayerNorm(dim, eps=1e-6)
            self.decoder_embed = nn.Linear(dim, wide)
            self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, wide))
            self.register_buffer("decoder_positions", torch.randn(shape.patches, wide))
            blocks = [Block(wide, shape.decoder_heads) for _ in range(shape.decoder_depth)]
            self.decoder_blocks = nn.Sequential(*blocks)
            self.decoder_norm = nn.LayerNorm(wide, eps=1e-6)
            self.pred = nn.Linear(wide, shape.tokens)
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    nn.init.xavier_uniform_(module.weight)
                    nn.init.zeros_(module.bias)

        def forward(self, patches, visible, masked):
            x = self.embed(patches) + self.positions[visible]
            x = torch.cat([self.class_token.expand(shape.batch, -1, -1), x], 1)
            x = self.decoder_embed(self.norm(self.blocks(x)))
            seen = x[:, 1:] + self.decoder_positions[visible]
            asked = self.mask_token + self.decoder_positions[masked]
            x = self.decoder_blocks(torch.cat([x[:, :1], seen, asked], 1))
            return self.pred(self.decoder_norm(x[:, 1 + shape.visible :]))

    torch.manual_seed(1)
    model = Mae()
    forward = torch.compile(model) if compiled else model
    vectors = [p for p in model.parameters() if p.ndim == 1]
    matrices = [p for p in model.parameters() if p.ndim > 1]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(
        groups, lr=1e-3, betas=(0.9, 0.95), weight_decay=0.05, fused=True
    )
    order = torch.stack([torch.randperm(shape.patches) for _ in range(shape.batch)])
    visible, masked = order[:, : shape.visible], order[:, shape.visible :]
    patches = torch.randn(shape.batch, shape.visible, shape.patch_dim)
    targets = torch.randint(shape.tokens, (shape.batch * masked.shape[1],))

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits = forward(patches, visible, masked).reshape(-1, shape.tokens)
        loss = functional.cross_entropy(logits, targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def serve_torch(name, threads, compiled):
    """Answers each line of standard input with the milliseconds of a turn's steps."""
    import torch

    torch.set_num_threads(threads)
    step = torch_side(SHAPES[name], compiled)
    for _ in sys.stdin:
        for _ in range(WARM):
            step()
        times = []
        for _ in range(COUNTED):
            started = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - started))
        print(json.dumps(times), flush=True)


class Side:
    """A process that takes turns."""

    def __init__(self, command, threads):
        env = dict(os.environ, RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env)
        self.times = []
        self.cpu = []

    def cpu_seconds(self):
        """Processor time so far, all threads; nothing where the system has no /proc."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        except OSError:
            return float("nan")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def turn(self):
        before = self.cpu_seconds()
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[0]} ended early, see its message above")
        self.times += json.loads(line)
        self.cpu.append(1e3 * (self.cpu_seconds() - before) / (WARM + COUNTED))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compare(name, threads, arguments):
    """Prints one row for each side."""
    peer = [sys.executable, __file__, "--serve", name, "--threads", str(threads)]
    sides = {
        "mimlet-train": Side([str(arguments.example), name, str(WARM), str(COUNTED)], threads),
        "PyTorch": Side(peer, threads),
    }
    if arguments.compile:
        sides["PyTorch, torch.compile"] = Side(peer + ["--compile"], threads)
    for side in sides.values():
        side.turn()
        side.times.clear()
        side.cpu.clear()
    for _ in range(arguments.turns):
        for side in sides.values():
            side.turn()
    ours = statistics.median(sides["mimlet-train"].times)
    ours_cpu = statistics.median(sides["mimlet-train"].cpu)
    for label, side in sides.items():
        median = statistics.median(side.times)
        rate = SHAPES[name].batch / median * 1e3
        low, high = min(side.times), max(side.times)
        cpu = statistics.median(side.cpu)
        print(
            f"{name:13} {threads} threads  {label:23} {median:8.1f} ms a step "
            f"({low:.1f} to {high:.1f})  {rate:7.1f} images/s  "
            f"mimlet-train is {median / ours:.2f}x as fast;  "
            f"processor time {cpu:.0f} ms a step, {cpu / ours_cpu:.2f}x ours",
            flush=True,
        )
        side.close()


def main():
    """Reads arguments and compares."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, action="append", help="default: all")
    parser.add_argument("--threads", type=int, action="append", help="default: 1 and 2")
    parser.add_argument("--turns", type=int, default=6, help="turns of each side (default: 6)")
    parser.add_argument("--compile", action="store_true", help="add a side under torch.compile")
    parser.add_argument("--example", type=Path, default=EXAMPLE, help="our side's program")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError:
        raise SystemExit("PyTorch is missing: pip install torch") from None
    threads = arguments.threads or [1, 2]
    if arguments.serve:
        return serve_torch(arguments.serve, threads[0], arguments.compile)
    if not arguments.example.is_file():
        raise SystemExit(
            f"{arguments.example} is missing: cargo build --release -p mimlet-train --example pretrain_step"
        )
    print(f"PyTorch {torch.__version__}, {os.cpu_count()} CPUs, {platform.platform()}")
    print(f"{arguments.turns} turns of {COUNTED} steps each, {WARM} more not counted; medians")
    for name in arguments.shape or SHAPES:
        for count in threads:
            compare(name, count, arguments)


if __name__ == "__main__":
    main()

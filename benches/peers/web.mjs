// mimlet in a browser beside onnxruntime-web, on the same weights and image in the same Chromium, WebGPU
// on SwiftShader and WebAssembly on one thread, taking turns:
//
//     python3 benches/peers/table.py --models tiny --batch 1 --turns 1   # once: writes the files of both
//     cargo xtask web-test                                               # builds ours, fetches the driver
//     node benches/peers/web.mjs [TURNS]
//
// A turn is a browser with a new profile: the page's start to the first result, that run alone, and runs
// after it. Features are compared first with ours in f32 on WebAssembly: whose are others has no times.
import { execFileSync } from "node:child_process";
import { cp, mkdir, rm } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { open } from "../../crates/mimlet-web/tests/chromium.mjs";
import { serve } from "../../crates/mimlet-web/tests/serve.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const WEB = join(ROOT, "target/web");
const TOOLS = join(WEB, "tools");
const PEER = "onnxruntime-web@1.30.0";
const DIM = 192;
const [turns = "3"] = process.argv.slice(2);

/** Name, how it runs, its file, runs after the first, and how far its features may be off. */
const CONTESTANTS = [
  ["mimlet wasm f32", "mimlet", "wasm", "f32.mim", 40, 1e-4],
  ["mimlet wasm int8", "mimlet", "wasm", "int8.mim", 40, 0.2],
  ["mimlet webgpu f32", "mimlet", "webgpu", "f32.mim", 3, 1e-4],
  ["mimlet webgpu int8", "mimlet", "webgpu", "int8.mim", 3, 0.2],
  ["onnxruntime-web wasm f32", "onnxruntime", "wasm", "batch-1.onnx", 40, 1e-4],
  ["onnxruntime-web wasm dynamic int8", "onnxruntime", "wasm", "batch-1.int8.onnx", 40, 0.2],
  ["onnxruntime-web webgpu f32", "onnxruntime", "webgpu", "batch-1.onnx", 2, 1e-4],
];

/** Lays out what the page needs below target/web. */
async function prepare() {
  const install = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", TOOLS];
  const drivers = ["playwright-core@1.65.1", PEER];
  execFileSync("npm", [...install, ...drivers], { stdio: ["ignore", "ignore", "inherit"] });
  await rm(join(WEB, "ort"), { recursive: true, force: true });
  await cp(join(TOOLS, "node_modules/onnxruntime-web/dist"), join(WEB, "ort"), { recursive: true });
  await mkdir(join(WEB, "bench"), { recursive: true });
  await cp(join(ROOT, "target/peers/models/vit-tiny-16"), join(WEB, "bench"), { recursive: true });
  await cp(join(ROOT, "benches/peers/web/page.html"), join(WEB, "bench/index.html"));
}

/** One turn in a browser of its own. */
async function turn(address, [, runtime, backend, file, runs]) {
  const { context, close } = await open(TOOLS);
  try {
    const page = await context.newPage();
    const query = new URLSearchParams({ runtime, backend, file, runs });
    await page.goto(`${address}/bench/?${query}`);
    const result = await page.waitForFunction(() => window.result, null, { timeout: 300_000 });
    return { ...(await result.jsonValue()), version: context.browser()?.version() };
  } finally {
    await close();
  }
}

/** Distance of the token that is farthest off, as a share of its length. */
function worstToken(features, reference) {
  let worst = 0;
  for (let token = 0; token < reference.length; token += DIM) {
    let [off, length] = [0, 0];
    for (let i = token; i < token + DIM; i++) {
      off += (features[i] - reference[i]) ** 2;
      length += reference[i] ** 2;
    }
    const share = Math.sqrt(off / length);
    worst = share <= worst ? worst : share;
  }
  return features.length === reference.length ? worst : Infinity;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const least = (values) => Math.min(...values);

await prepare();
const { address, close } = await serve(WEB);
const seen = new Map(CONTESTANTS.map(([name]) => [name, []]));
let reference;
for (let round = 0; round < Number(turns); round++) {
  for (const contestant of CONTESTANTS) {
    const [name, , , , , bound] = contestant;
    const found = await turn(address, contestant);
    if (found.error === undefined) {
      reference ??= found.features;
      const off = worstToken(found.features, reference);
      if (!(off <= bound)) found.error = `features are ${off.toExponential(1)} off, ${bound} allowed`;
      found.off = off;
    }
    seen.get(name).push(found);
    console.error(`${name}: ${found.error ?? `${found.toFirst.toFixed(0)} ms to the first result`}`);
  }
}
await close();

console.log(`ViT-Ti/16 at 224 px, ${PEER}, Node ${process.version}, ${cpus()[0].model}, ${turns} turns`);
console.log("| contestant | page to first result, ms | first run, ms | later runs: median (least), ms | features off |");
console.log("|---|---|---|---|---|");
for (const [name, found] of seen) {
  const fault = found.find(({ error }) => error !== undefined);
  if (fault !== undefined) {
    console.log(`| ${name} | ${fault.error} | | | |`);
    continue;
  }
  const times = found.flatMap(({ times }) => times);
  const cells = [
    median(found.map(({ toFirst }) => toFirst)).toFixed(0),
    median(found.map(({ first }) => first)).toFixed(0),
    `${median(times).toFixed(1)} (${least(times).toFixed(1)})`,
    Math.max(...found.map(({ off }) => off)).toExponential(1),
  ];
  console.log(`| ${name} | ${cells.join(" | ")} |`);
}

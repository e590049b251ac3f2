// The package and the page in a headless Chromium, on WebAssembly and on WebGPU (SwiftShader), held to
// what this machine's own program answers: `node browser.test.mjs MIMLET FOLDER`, which
// `cargo xtask web-test` runs. Screenshots are left in FOLDER/screenshots.
import assert from "node:assert/strict";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { open } from "./chromium.mjs";
import { Native, sameButForTies } from "./native.mjs";
import { serve } from "./serve.mjs";

const [program, folder] = process.argv.slice(2).map((path) => resolve(path));
const shots = join(folder, "screenshots");
const MODELS = [
  ["shapes-tiny", "int8"],
  ["digits-tiny", "int8"],
].map(([name, scheme]) => ({
  name,
  file: `models/${name}/${name}.${scheme}.mim`,
  check: `models/${name}/check`,
}));

let native;
let server;
let browser;
const pages = [];

before(async () => {
  await mkdir(shots, { recursive: true });
  native = new Native(program, folder);
  server = await serve(folder);
  browser = await open(join(folder, "tools"), { viewport: { width: 1280, height: 900 } });
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** A page, with what it complains of kept for the test. */
async function visit(path) {
  const page = await browser.context.newPage();
  page.setDefaultTimeout(60_000);
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") page.complaints.push(message.text());
  });
  await page.goto(server.address + path);
  pages.push(page);
  return page;
}

/** The first image of each class, by its path below the demo. */
async function samples({ check }) {
  const classes = (await readdir(join(folder, "demo", check))).sort();
  return Promise.all(classes.map(async (name) => {
    const [first] = (await readdir(join(folder, "demo", check, name))).sort();
    return `${check}/${name}/${first}`;
  }));
}

/** Opens a model in the page and encodes images; runs in the browser. */
async function encodeThere({ file, images, backend }) {
  const { Model } = await import("/package/mimlet.js");
  const model = await Model.open(`/demo/${file}`, { backend });
  const encodings = [];
  for (const image of images) {
    const { tokens, margins } = await model.encode(`/${image}`);
    encodings.push({ tokens: [...tokens], margins: [...margins] });
  }
  // A GPU's first batch is held to each image alone, and the next is one submission.
  const paths = images.map((image) => `/${image}`);
  await model.encodeBatch(paths);
  let submissions = 0;
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = function (...values) {
    submissions += 1;
    return submit.apply(this, values);
  };
  const batch = await model.encodeBatch(paths);
  GPUQueue.prototype.submit = submit;
  const together = batch.map(({ tokens, margins }) => ({ tokens: [...tokens], margins: [...margins] }));
  const { passed, failures } = await model.verify();
  const report = model.report.map(({ backend, outcome }) => `${backend} ${outcome}`);
  const { wideMargin } = model.info;
  model.free();
  return { encodings, together, submissions, passed, failures, report, wideMargin };
}

test("tokens are this machine's, on both backends", async (t) => {
  const page = await visit("/demo/icon.svg");
  // A photo of no special size, made by the browser: JPEG, to be decoded and resized.
  const photo = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(517, 389);
    const context = canvas.getContext("2d");
    for (let i = 0; i < 60; i++) {
      context.fillStyle = `hsl(${i * 47} 70% ${30 + (i % 5) * 12}%)`;
      context.fillRect((i * 83) % 517, (i * 59) % 389, 40 + i, 90 - i);
    }
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  await writeFile(join(folder, "photo.jpg"), Uint8Array.from(photo));
  for (const model of MODELS) {
    const images = (await samples(model)).map((image) => `demo/${image}`).concat("photo.jpg");
    const paths = images.map((image) => join(folder, image));
    const expected = await native.tokens(join(folder, "demo", model.file), paths);
    for (const backend of ["wasm", "webgpu"]) {
      await t.test(`${model.name} on ${backend}`, async () => {
        const found = await page.evaluate(encodeThere, { file: model.file, images, backend });
        assert.deepEqual(found.failures, []);
        assert.equal(found.passed, true);
        assert.deepEqual(found.report, [`${backend} chosen`]);
        assert.deepEqual(found.together, found.encodings);
        assert.equal(found.submissions, backend === "wasm" ? 0 : 1);
        if (backend === "wasm") {
          // Integers and one order of sums: not one token may differ.
          assert.deepEqual(found.encodings.map(({ tokens }) => tokens), expected);
        } else {
          sameButForTies(found.encodings, expected, found.wideMargin);
        }
      });
    }
    await t.test(`${model.name} on the faster that is right`, async () => {
      const found = await page.evaluate(encodeThere, { file: model.file, images: [], backend: "auto" });
      assert.deepEqual(found.report, ["webgpu unavailable", "wasm chosen"]);
    });
  }
});

test("a GPU takes its place among the backends, and WebAssembly takes over when it is lost", async () => {
  const page = await visit("/demo/icon.svg");
  const said = await page.evaluate(async (file) => {
    const { Model } = await import("/package/mimlet.js");
    const devices = [];
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...values) {
      const device = await request.apply(this, values);
      devices.push(device);
      return device;
    };
    const destroy = () => {
      devices.at(-1).destroy();
      return devices.at(-1).lost;
    };
    const image = { data: new Uint8ClampedArray(64 * 64 * 4).map((_, i) => i), width: 64, height: 64 };
    const options = { backend: "auto", softwareGpu: true, tuning: "measured" };
    const both = await Model.open(`/demo/${file}`, options);
    const outcomes = both.report.map(({ outcome }) => outcome).sort();
    const passed = both.report.map(({ verdict }) => verdict.passed);
    both.free();

    const alone = await Model.open(`/demo/${file}`, { backend: "webgpu" });
    await alone.encode(image);
    await destroy();
    const lost = await alone.encode(image).catch((error) => error.message);
    alone.free();

    // By this clock a second passes at each look at it until a GPU is asked for: the GPU is the faster.
    const now = performance.now;
    let ahead = 0;
    performance.now = () => now.call(performance) + (ahead += 1000);
    const adapter = GPU.prototype.requestAdapter;
    GPU.prototype.requestAdapter = function (...values) {
      performance.now = now;
      return adapter.apply(this, values);
    };
    const model = await Model.open(`/demo/${file}`, options);
    const onGpu = await model.encode(image);
    await destroy();
    const [after] = await model.encodeBatch([image, image]);
    const left = model.report.map(({ backend, outcome }) => `${backend} ${outcome}`);
    model.free();
    return {
      outcomes,
      passed,
      backends: [onGpu.backend, after.backend],
      same: onGpu.tokens.join() === after.tokens.join(),
      lost,
      left,
    };
  }, MODELS[0].file);
  assert.deepEqual(said.outcomes, ["chosen", "slower"]);
  assert.deepEqual(said.passed, [true, true]);
  assert.deepEqual(said.backends, ["webgpu", "wasm"]);
  assert.match(said.lost, /was lost .*: open it again or use the CPU/);
  assert.deepEqual(said.left, ["webgpu unavailable", "wasm chosen"]);
  assert.ok(said.same);
});

test("what cannot be done is an error that says why", async () => {
  const page = await visit("/demo/icon.svg");
  const said = await page.evaluate(async (file) => {
    const { Model, openInWorker } = await import("/package/mimlet.js");
    const why = async (call) => {
      try {
        await call();
        return "nothing went wrong";
      } catch (error) {
        return error.message;
      }
    };
    const bytes = new Uint8Array(await (await fetch(`/demo/${file}`)).arrayBuffer());
    const flipped = bytes.slice();
    flipped[bytes.length - 100] ^= 1;
    const model = await Model.open(bytes, { backend: "wasm" });
    const image = { data: new Uint8ClampedArray(64 * 64 * 4), width: 64, height: 64 };
    const said = {
      garbage: await why(() => Model.open(new Uint8Array(500))),
      short: await why(() => Model.open(bytes.subarray(0, 5000))),
      flipped: await why(() => Model.open(flipped)),
      missing: await why(() => Model.open("/demo/none.mim")),
      backend: await why(() => Model.open(bytes, { backend: "cuda" })),
      inBatch: await why(() => model.encodeBatch([image, new Uint8Array(9)])),
      pixels: await why(() => model.encode({ data: new Uint8Array(10), width: 64, height: 64 })),
      noImage: await why(() => model.encode(new TextEncoder().encode("no image"), { name: "a.png" })),
      nothing: await why(() => model.encode(undefined)),
      label: await why(() => model.score([{ tokens: new Uint32Array([0]), label: 7 }], 2)),
      inWorker: await why(() => openInWorker(new Uint8Array(500))),
    };
    // Calls may overlap; each gets its own answer.
    const remote = await openInWorker(bytes, { backend: "wasm" });
    const all = await Promise.all([
      model.encode(image),
      model.encode(image),
      remote.encode(image),
      ...(await model.encodeBatch([image, image])),
      ...(await remote.encodeBatch([image, image])),
    ]);
    said.overlap = [...new Set(all.map(({ tokens }) => tokens.join()))].length;
    said.none = [...(await model.encodeBatch([])), ...(await remote.encodeBatch([]))].length;
    said.batchSizes = [model.batchSize, remote.batchSize].join();
    remote.free();
    model.free();
    said.freed = await why(() => model.encode(image));
    return said;
  }, MODELS[0].file);
  assert.match(said.garbage, /^the model: not a \.mim file/);
  assert.match(said.short, /^the model: .*bytes/);
  assert.match(said.flipped, /^the model: .*(hash|damaged)/);
  assert.match(said.missing, /none\.mim answers 404/);
  assert.match(said.backend, /"cuda".*"webgpu"/);
  assert.match(said.pixels, /10 bytes.*16384/);
  assert.match(said.noImage, /^a\.png: /);
  assert.match(said.nothing, /pass a URL/);
  assert.match(said.label, /class 7/);
  assert.equal(said.inWorker, said.garbage);
  assert.match(said.inBatch, /^image 1: /);
  assert.deepEqual([said.overlap, said.none, said.batchSizes], [1, 0, "1,1"]);
  assert.match(said.freed, /freed/);
});

/** Waits for the page's verdict. */
async function verdict(page) {
  await page.waitForFunction(() => ["PASSED", "FAILED"].includes(document.querySelector("#verdict").textContent));
  return page.textContent("#verdict");
}

/** Waits for the score of the check set, whose digits are these. */
const scored = (page) => page.waitForSelector("#tcas dd");

test("the page shows tokens, verdict, times and TCAS, and is worked by keys", async () => {
  const page = await visit("/demo/");
  assert.equal(await verdict(page), "PASSED");
  await scored(page);
  const { tcas, shuffled_tcas } = native.tcas(
    join(folder, "demo", MODELS[0].file),
    join(folder, "demo", MODELS[0].check),
  );
  assert.deepEqual((await page.locator("#tcas dd").allTextContents()).slice(0, 2), [
    tcas.toFixed(3),
    shuffled_tcas.toFixed(3),
  ]);
  assert.match(await page.getAttribute("#histogram", "aria-label"), /^Histogram of \d+ runs: median/);
  await page.screenshot({ path: join(shots, "light.png"), fullPage: true });

  // From the top of the page, every control is reached with Tab alone, and shows that it is.
  const reached = [];
  for (let press = 0; press < 25; press++) {
    await page.keyboard.press("Tab");
    const { id, outlined } = await page.evaluate(() => {
      const focused = document.activeElement;
      const id = focused.id || focused.ariaLabel || focused.className;
      return { id, outlined: getComputedStyle(focused).outlineStyle !== "none" };
    });
    reached.push(id);
    assert.ok(outlined || id === "", `${id} does not show that it has the focus`);
  }
  const wanted = ["skip", "model", "backend", "open-model", "map", "opacity", "open-image", "measure", "score"];
  for (const id of wanted) assert.ok(reached.includes(id), `Tab does not reach ${id}: ${reached}`);

  await page.focus("#map");
  for (const key of ["ArrowRight", "ArrowRight", "ArrowDown"]) await page.keyboard.press(key);
  const [expected] = await native.tokens(join(folder, "demo", MODELS[0].file), [
    join(folder, "demo", (await samples(MODELS[0]))[0]),
  ]);
  assert.match(await page.textContent("#patch"), new RegExp(`^Row 2, column 2: token ${expected[9]},`));
  await page.focus("#opacity");
  await page.keyboard.press("End");
  assert.equal(await page.inputValue("#opacity"), "100");
  await page.focus("#samples button:nth-child(4)");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#samples button:nth-child(4)[aria-pressed=true]");
  await page.waitForFunction(() => document.querySelector("#status").textContent.includes("cross"));

  await page.emulateMedia({ colorScheme: "dark" });
  await page.screenshot({ path: join(shots, "dark.png"), fullPage: true });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: join(shots, "phone.png"), fullPage: true });
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(widths[0] <= widths[1], `the page is ${widths[0]} pixels wide on a screen of ${widths[1]}`);
  assert.deepEqual(page.complaints, []);
});

test("a dropped photo is encoded, and a bad file explained", async () => {
  const page = await visit("/demo/?backend=wasm");
  // While the model is still on its way.
  await page.waitForSelector("#model option", { state: "attached" });
  const drop = (name, type, bytes) => page.evaluate(({ name, type, bytes }) => {
    const files = new DataTransfer();
    files.items.add(new File([Uint8Array.from(bytes)], name, { type }));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: files }));
  }, { name, type, bytes });
  const problem = () => page.waitForSelector("#problem:not([hidden])").then((box) => box.textContent());

  const photo = [...await readFile(join(folder, "photo.jpg"))];
  await drop("photo.jpg", "image/jpeg", photo);
  await page.waitForFunction(() => document.querySelector("#map").ariaLabel.includes("photo.jpg"));
  // What the photo interrupted is caught up with.
  assert.equal(await verdict(page), "PASSED");
  await scored(page);
  await drop("broken.mim", "", [1, 2, 3]);
  assert.match(await problem(), /^broken\.mim: not a \.mim file/);
  assert.equal(await page.getAttribute("#problem", "role"), "alert");
  await drop("half.jpg", "image/jpeg", photo.slice(0, photo.length / 2));
  await page.waitForFunction(() => document.querySelector("#problem").textContent.startsWith("half.jpg"));
  // The model that was open still is.
  await drop("photo.jpg", "image/jpeg", photo);
  await page.waitForSelector("#problem[hidden]", { state: "attached" });
  await page.waitForFunction(() => document.querySelector("#status").textContent.startsWith("photo.jpg"));
});

test("the page runs on WebGPU", async () => {
  const page = await visit("/demo/?backend=webgpu");
  assert.equal(await verdict(page), "PASSED");
  await page.waitForSelector("#backends .chosen");
  assert.match(await page.textContent("#backends"), /WebGPU runs here/);
  await page.waitForSelector("#latency dd");
  await page.screenshot({ path: join(shots, "webgpu.png"), fullPage: true });
  assert.deepEqual(page.complaints, []);
});

test("without a network the page opens as before", async () => {
  const page = await visit("/demo/");
  await page.waitForSelector("#offline.ready");
  await page.evaluate(() => navigator.serviceWorker.controller ?? new Promise((controlled) => {
    navigator.serviceWorker.addEventListener("controllerchange", controlled, { once: true });
  }));
  await server.close();
  await page.reload();
  assert.equal(await verdict(page), "PASSED");
  await scored(page);
});

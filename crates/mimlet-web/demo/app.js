// The page: what is chosen, opened and encoded, and in what order.
import { openInWorker } from "./mimlet/mimlet.js";
import { Figures, announce, downloaded, problem } from "./notices.js";
import { Histogram } from "./histogram.js";
import { TokenMap } from "./token-map.js";
import { showBackends, showVerdict } from "./verdict.js";

const element = (id) => document.getElementById(id);
/** Formats that mimlet decodes itself, as on every other device; a browser's own decoder takes the rest. */
const DECODED = new Set(["image/png", "image/jpeg", "image/webp"]);
/** Time for the runs behind the first histogram, and above which no check set is scored unasked. */
const MEASURED_MS = 1500;
const QUICK_MS = 25;

const map = new TokenMap(element("map"), element("patch"));
const histogram = new Histogram(element("histogram"), new Figures(element("latency")));
const tcas = new Figures(element("tcas"));

let catalogue;
let model;
let entry;
let image;
let verdict = null;
/** Of what was asked for last: what comes of anything earlier is dropped. */
let turn = 0;
let modelTurn = 0;
let opening;

/** Runs a chain of steps that a later one replaces, and shows what goes wrong. */
async function asLast(steps) {
  const mine = ++turn;
  problem(null);
  element("score-progress").hidden = true;
  try {
    await steps(() => mine === turn);
  } catch (error) {
    if (mine === turn) problem(error.message);
  }
}

/** Opens a model. An image that is chosen meanwhile waits for it; another model replaces it. */
function openModel(source, name, chosen, backend) {
  const mine = ++modelTurn;
  const isWanted = () => mine === modelTurn;
  opening = asLast(async (isLast) => {
    let opened;
    try {
      opened = await openInWorker(source, {
        backend,
        onProgress: (progress) => isWanted() && downloaded(name, progress),
      });
    } catch (error) {
      if (isWanted()) problem(error.message);
      return;
    } finally {
      if (isWanted()) downloaded(null);
    }
    if (!isWanted()) {
      opened.free();
      return;
    }
    model?.free();
    model = opened;
    entry = chosen;
    if (entry === undefined) element("model").selectedIndex = -1;
    showSamples();
    element("about").textContent =
      `${model.info.name}, ${model.info.scheme}, ${model.info.licence ?? "no licence stated"}.`;
    forget();
    if (isLast()) await show(isLast);
  });
  return opening;
}

/** Takes away what was found about a model on a backend. */
function forget() {
  verdict = null;
  histogram.clear();
  tcas.clear();
  element("tcas-bar").hidden = true;
  showVerdict(null, model);
  showBackends(model.report);
  allow();
}

/** Shows the chosen image's tokens, and all that is not known yet of the model. */
async function show(isLast) {
  const isOurs = ({ file }) => entry.check.some((check) => check.file === file);
  if (entry !== undefined && (image === undefined || (image.sample && !isOurs(image)))) {
    image = await sample(entry.check[0]);
  }
  await encode(isLast);
  registerOffline();
  await catchUp(isLast);
}

/** What is still to be found out, however often somebody chose something else meanwhile. */
async function catchUp(isLast) {
  if (verdict === null) {
    const found = model.report.find(({ outcome }) => outcome === "chosen")?.verdict ?? (await model.verify());
    if (!isLast()) return;
    verdict = found;
    showVerdict(verdict, model);
    allow();
  }
  if (!verdict.passed || image === undefined) return;
  if (histogram.isEmpty) await measure(isLast, 50, MEASURED_MS);
  if (!isLast() || entry === undefined || !tcas.isEmpty || histogram.median >= QUICK_MS) return;
  await score(isLast);
}

/** Lets be pressed what there is an answer to. */
function allow() {
  element("measure").disabled = !verdict?.passed;
  element("score").disabled = !verdict?.passed || entry === undefined;
}

/** Encodes the chosen image and draws its tokens. */
async function encode(isLast) {
  if (image === undefined) return;
  for (const button of element("samples").children) {
    button.ariaPressed = String(button.dataset.file === image.file);
  }
  map.picture(image.bitmap, image.name, model.info);
  const encoding = await model.encode(image.pixels ?? image.blob, { name: image.name });
  if (!isLast()) return;
  map.tokens(encoding, model.info);
  const different = new Set(encoding.tokens).size;
  const size = model.info.codebookSize;
  element("stage-note").textContent = size === null
    ? "This file has no codebook: features only, no tokens."
    : `${encoding.tokens.length} patches, ${different} different tokens of ${size}.`;
  announce(`${image.name}: ${encoding.tokens.length} patches, ${different} different tokens.`);
}

/** Times runs on the chosen image, at most so many and so long. */
async function measure(isLast, runs, limit = Infinity) {
  const start = performance.now();
  const times = [];
  do {
    const { milliseconds } = await model.encode(image.pixels ?? image.blob, { name: image.name });
    if (!isLast()) return;
    times.push(milliseconds);
  } while (times.length < runs && performance.now() - start < limit);
  histogram.draw(times);
}

/** TCAS of the model's check set. */
async function score(isLast) {
  const progress = element("score-progress");
  progress.value = 0;
  progress.hidden = false;
  const { check, classes } = entry;
  const images = [];
  // A GPU that is lost on the way changes how many are best.
  while (images.length < check.length) {
    const some = check.slice(images.length, images.length + model.batchSize);
    const samples = await Promise.all(some.map((one) => sample(one, false)));
    const files = samples.map(({ blob, name }) => new File([blob], name));
    const encodings = await model.encodeBatch(files);
    if (!isLast()) return;
    encodings.forEach(({ tokens }, index) => images.push({ tokens, label: some[index].label }));
    progress.value = images.length / check.length;
  }
  const score = await model.score(images, classes.length);
  if (!isLast()) return;
  progress.hidden = true;
  tcas.show([
    ["TCAS", score.tcas.toFixed(3)],
    ["shuffled labels", score.shuffledTcas.toFixed(3)],
    ["tokens in use", `${score.usedTokens} / ${model.info.codebookSize}`],
    ["images", score.images],
  ]);
  const bar = element("tcas-bar");
  bar.style.setProperty("--tcas", score.tcas);
  bar.style.setProperty("--shuffled", score.shuffledTcas);
  bar.ariaLabel = `TCAS ${score.tcas.toFixed(3)}, with shuffled labels ${score.shuffledTcas.toFixed(3)}`;
  bar.hidden = false;
  announce(`TCAS of ${score.images} check images: ${score.tcas.toFixed(3)}.`);
}

/** A bundled image; as a sample also as a bitmap, to be shown. */
async function sample({ file, label }, shown = true) {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file} answers ${response.status}: check what was deployed`);
  const blob = await response.blob();
  const name = `a sample of "${entry.classes[label]}"`;
  return shown ? { blob, name, file, sample: true, bitmap: await createImageBitmap(blob) } : { blob, name };
}

/** The page's buttons for bundled images: the first of each class. */
function showSamples() {
  const first = entry?.classes.map((_, label) => entry.check.find((image) => image.label === label));
  const buttons = (first ?? []).map(({ file, label }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.file = file;
    button.ariaLabel = `Sample image: ${entry.classes[label]}`;
    const picture = new Image(44, 44);
    picture.src = file;
    picture.alt = "";
    button.append(picture);
    button.addEventListener("click", () => asLast(async (isLast) => {
      image = await sample({ file, label });
      await show(isLast);
    }));
    return button;
  });
  element("samples").replaceChildren(...buttons);
}

/** A file that was chosen, dropped or pasted: a model or an image. */
async function take(file) {
  if (file.name.endsWith(".mim")) {
    await openModel(file, file.name, undefined, element("backend").value);
    return;
  }
  await asLast(async (isLast) => {
    await opening;
    // Why there is no model is on the page already.
    if (model === undefined || !isLast()) return;
    let bitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      // mimlet says better what is wrong with a file than a browser does.
      await model.encode(file, { name: file.name });
      throw new Error(`${file.name} is no image that this browser shows: choose a PNG, JPEG or WebP file`);
    }
    image = { blob: file, name: file.name, bitmap, pixels: DECODED.has(file.type) ? undefined : pixels(bitmap) };
    await show(isLast);
  });
}

function pixels(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

let registered = false;

/** Keeps the page for when there is no network, once the first tokens are there. */
async function registerOffline() {
  if (registered || !("serviceWorker" in navigator)) return;
  registered = true;
  const note = element("offline");
  try {
    await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
    note.textContent = "Works offline";
    note.classList.add("ready");
  } catch (error) {
    note.textContent = `Needs the network (${error.message})`;
  }
}

function listen() {
  const select = element("model");
  for (const [index, { label }] of catalogue.models.entries()) select.add(new Option(label, index));
  const chosen = () => catalogue.models[select.value];
  const backend = element("backend");
  element("choices").addEventListener("submit", (event) => event.preventDefault());
  select.addEventListener("change", () => openModel(chosen().file, chosen().label, chosen(), backend.value));
  backend.addEventListener("change", () => asLast(async (isLast) => {
    await opening;
    if (model === undefined) return;
    try {
      await model.use(backend.value);
    } catch (error) {
      backend.value = model.backend;
      throw error;
    }
    forget();
    await show(isLast);
  }));
  element("opacity").addEventListener("input", ({ target }) => map.opacity(target.value / 100));
  element("measure").addEventListener("click", () => asLast((isLast) => measure(isLast, 50)));
  element("score").addEventListener("click", () => asLast(score));
  for (const kind of ["model", "image"]) {
    const input = element(`${kind}-file`);
    element(`open-${kind}`).addEventListener("click", () => input.click());
    input.addEventListener("change", () => input.files[0] && take(input.files[0]));
  }
  const dropping = (is) => element("picture").classList.toggle("dropping", is);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    dropping(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && dropping(false));
  addEventListener("drop", (event) => {
    event.preventDefault();
    dropping(false);
    const [file] = event.dataTransfer.files;
    if (file !== undefined) take(file);
  });
  addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file !== undefined) take(file);
  });
  map.opacity(element("opacity").value / 100);
}

try {
  const asked = new URLSearchParams(location.search).get("backend") ?? "auto";
  catalogue = await (await fetch("catalogue.json")).json();
  listen();
  if ([...element("backend").options].some(({ value }) => value === asked)) {
    element("backend").value = asked;
  }
  const [first] = catalogue.models;
  await openModel(first.file, first.label, first, element("backend").value);
} catch (error) {
  problem(`catalogue.json cannot be read (${error.message}): serve the whole folder`);
}
document.documentElement.dataset.ready = "true";

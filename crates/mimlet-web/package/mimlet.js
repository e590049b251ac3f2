// mimlet in a browser: see README.md beside this file, and mimlet.d.ts for the types.
import init, { Counts, Engine } from "./mimlet_web.js";
import { bytesOf, nameOf } from "./download.js";
export { openInWorker } from "./remote.js";

let loading;
let fault;

/** Loads the wasm file, once. `Model.open` does it by itself. */
export function load(wasm) {
  // Bundlers know this form.
  wasm ??= new URL("./mimlet_web_bg.wasm", import.meta.url);
  loading ??= init({ module_or_path: wasm }).catch((error) => {
    loading = undefined;
    throw new Error(
      `mimlet_web_bg.wasm cannot be loaded (${error.message}): serve it beside mimlet_web.js as ` +
        "application/wasm, to a browser with WebAssembly SIMD (Chrome 91, Firefox 89, Safari 16.4)",
      { cause: error },
    );
  });
  return loading;
}

/** Calls into the wasm module. After a trap its memory is not to be trusted, so it is not entered again. */
async function guarded(call) {
  if (fault !== undefined) {
    throw new Error(`mimlet stopped earlier over a fault of its own (${fault}): load the page anew`);
  }
  try {
    return await call();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) {
      fault = error.message;
      throw new Error(
        `mimlet stopped over a fault of its own (${fault}): load the page anew, and report what the ` +
          "console says",
        { cause: error },
      );
    }
    throw error;
  }
}

/** An image as it came: RGBA, or the bytes of a file. */
async function raw(image, name = image?.name ?? "image") {
  if (ArrayBuffer.isView(image?.data) && image.width > 0 && image.height > 0) {
    const { data, width, height } = image;
    return { rgba: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), width, height };
  }
  return { bytes: await bytesOf(image, { name }), name };
}

/** A `.mim` file on a backend of this browser. */
export class Model {
  #engine;
  #tail = Promise.resolve();
  #info;
  #report = [];
  #batchSize = 1;

  /** @private Use `Model.open`. */
  constructor(engine) {
    this.#engine = engine;
    this.#info = Object.freeze(engine.info());
  }

  static async open(source, { backend = "auto", onProgress, signal, wasm, ...options } = {}) {
    const [bytes] = await Promise.all([bytesOf(source, { onProgress, signal }), load(wasm)]);
    const model = await guarded(() => new Model(new Engine(bytes))).catch((error) => {
      throw new Error(`${nameOf(source)}: ${error.message}`, { cause: error });
    });
    try {
      await model.use(backend, options);
    } catch (error) {
      model.free();
      throw error;
    }
    return model;
  }

  /** What the file says of itself. */
  get info() {
    return this.#info;
  }

  /** What each backend that was tried came to. */
  get report() {
    return this.#report;
  }

  /** The backend it runs on: `webgpu` or `wasm`. */
  get backend() {
    return this.#report.find((tried) => tried.outcome === "chosen")?.backend;
  }

  /** How many images at once are best, where there are many. */
  get batchSize() {
    return this.#batchSize;
  }

  /** Goes to another backend. */
  use(backend, { tuning = "auto", softwareGpu = false } = {}) {
    return this.#next(async (engine) => {
      await engine.climb(String(backend), String(tuning), Boolean(softwareGpu));
      this.#look(engine);
      return this.#report;
    });
  }

  /** What has become of the backends. */
  #look(engine) {
    this.#report = Object.freeze(engine.report());
    this.#batchSize = engine.images_at_once();
  }

  /** Runs the acceptance test inside the file, here and now. */
  verify() {
    return this.#next((engine) => engine.verify());
  }

  /** Features and tokens of an image: a file's bytes or Blob, or pixels as `ImageData`. */
  async encode(image, { name } = {}) {
    const [encoding] = await this.#encoded([await raw(image, name)]);
    return encoding;
  }

  /** As `encode`, of several images: a GPU runs them together, as many as it has room for. */
  async encodeBatch(images) {
    const raws = Array.from(images, (image, at) => raw(image, image?.name ?? `image ${at}`));
    return this.#encoded(await Promise.all(raws));
  }

  /** Encodings; a GPU that failed on the way there has left the report by then. */
  #encoded(images) {
    return this.#next(async (engine) => {
      const prepared = [];
      try {
        for (const { rgba, width, height, bytes, name } of images) {
          prepared.push(
            rgba ? engine.prepare_rgba(rgba, width, height) : engine.prepare_file(bytes, name),
          );
        }
      } catch (error) {
        for (const image of prepared) image.free();
        throw error;
      }
      const encodings = await engine.encode(prepared);
      if (encodings.some(({ backend }) => backend !== this.backend)) this.#look(engine);
      return encodings;
    });
  }

  /** TCAS of labelled images: `[{ tokens, label }]`, labels from 0 to `classes` - 1. */
  async score(images, classes) {
    const size = this.#info.codebookSize;
    if (size === null) {
      throw new Error("the model has no codebook, so no tokens to score: export it with --codebook");
    }
    return guarded(() => {
      const counts = new Counts(size, classes);
      try {
        for (const { tokens, label } of images) {
          counts.add(tokens, label);
        }
        return counts.score();
      } finally {
        counts.free();
      }
    });
  }

  /** Gives the model's memory back, in wasm and on the GPU. */
  free() {
    const engine = this.#engine;
    this.#engine = undefined;
    // What is under way still needs it.
    this.#tail = this.#tail.then(() => engine?.free());
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.free();
  }

  /** One call after the other: there is one set of buffers. */
  #next(call) {
    const engine = this.#engine;
    if (engine === undefined) {
      return Promise.reject(new Error("the model was freed: open it again"));
    }
    const result = this.#tail.then(() => guarded(() => call(engine)));
    this.#tail = result.catch(() => {});
    return result;
  }
}

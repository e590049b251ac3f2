// A model in a worker of its own, so that a page stays responsive.

/** Opens a model in a worker. What it gives has the methods of `Model`. */
export async function openInWorker(source, { onProgress, signal, ...options } = {}) {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  const model = new RemoteModel(worker);
  const stop = () => model.free();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await model.open(source instanceof URL ? source.href : absolute(source), options, onProgress);
    signal?.throwIfAborted();
    return model;
  } catch (error) {
    model.free();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

/** A worker's addresses are relative to its own script. */
function absolute(source) {
  return typeof source === "string" ? new URL(source, document.baseURI).href : source;
}

class RemoteModel {
  #worker;
  #waiting = new Map();
  #next = 0;
  #ended;
  info;
  report = [];
  batchSize = 1;

  constructor(worker) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }) => this.#hear(data));
    worker.addEventListener("error", (event) => {
      this.#end(new Error(`mimlet's worker failed (${event.message}): load the page anew`));
    });
  }

  get backend() {
    return this.report.find((tried) => tried.outcome === "chosen")?.backend;
  }

  async open(source, options, onProgress) {
    this.info = Object.freeze(await this.#ask("open", [source, options], onProgress));
    await this.#look();
  }

  async use(backend, options) {
    await this.#ask("use", [backend, options]);
    await this.#look();
    return this.report;
  }

  verify() {
    return this.#ask("verify", []);
  }

  async encode(image, options) {
    const name = options?.name ?? image?.name;
    const encoding = await this.#ask("encode", [image, name === undefined ? {} : { name }]);
    await this.#see([encoding]);
    return encoding;
  }

  async encodeBatch(images) {
    const encodings = await this.#ask("encodeBatch", [[...images]]);
    await this.#see(encodings);
    return encodings;
  }

  /** A GPU that failed on the way to encodings has left the report by then. */
  async #see(encodings) {
    if (encodings.some(({ backend }) => backend !== this.backend)) await this.#look();
  }

  async #look() {
    const { report, batchSize } = await this.#ask("standing", []);
    this.report = Object.freeze(report);
    this.batchSize = batchSize;
  }

  score(images, classes) {
    return this.#ask("score", [images, classes]);
  }

  free() {
    this.#worker.terminate();
    this.#end(new Error("the model was freed: open it again"));
  }

  [Symbol.dispose ?? Symbol.for("Symbol.dispose")]() {
    this.free();
  }

  #ask(call, values, onProgress) {
    if (this.#ended !== undefined) {
      return Promise.reject(this.#ended);
    }
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage({ id, call, values });
    });
  }

  #hear({ id, progress, value, error }) {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    if (progress !== undefined) {
      waiting.onProgress?.(progress);
      return;
    }
    this.#waiting.delete(id);
    if (error === undefined) {
      waiting.resolve(value);
    } else {
      waiting.reject(Object.assign(new Error(error.message), { name: error.name }));
    }
  }

  #end(reason) {
    this.#ended ??= reason;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

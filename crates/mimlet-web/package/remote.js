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
    const { info, report } = await this.#ask("open", [source, options], onProgress);
    this.info = Object.freeze(info);
    this.report = Object.freeze(report);
  }

  async use(backend, options) {
    this.report = Object.freeze(await this.#ask("use", [backend, options]));
    return this.report;
  }

  verify() {
    return this.#ask("verify", []);
  }

  async encode(image, options) {
    const name = options?.name ?? image?.name;
    const encoding = await this.#ask("encode", [image, name === undefined ? {} : { name }]);
    if (encoding.backend !== this.backend) {
      this.report = Object.freeze(await this.#ask("report", []));
    }
    return encoding;
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

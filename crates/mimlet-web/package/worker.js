// The other end of remote.js: one model in a worker.
import { Model } from "./mimlet.js";

let model;

const calls = {
  async open(id, source, options) {
    const onProgress = (progress) => postMessage({ id, progress });
    model = await Model.open(source, { ...options, onProgress });
    return { info: model.info, report: model.report };
  },
  use: (_, backend, options) => model.use(backend, options),
  report: () => model.report,
  verify: () => model.verify(),
  encode: (_, image, options) => model.encode(image, options),
  score: (_, images, classes) => model.score(images, classes),
};

addEventListener("message", async ({ data: { id, call, values } }) => {
  try {
    const value = await calls[call](id, ...values);
    const arrays = Object.values(value ?? {}).filter((part) => ArrayBuffer.isView(part));
    postMessage({ id, value }, arrays.map((array) => array.buffer));
  } catch (error) {
    postMessage({ id, error: { name: error.name, message: error.message } });
  }
});

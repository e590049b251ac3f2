// The other end of remote.js: one model in a worker.
import { Model } from "./mimlet.js";

let model;

const calls = {
  async open(id, source, options) {
    const onProgress = (progress) => postMessage({ id, progress });
    model = await Model.open(source, { ...options, onProgress });
    return model.info;
  },
  use: (_, backend, options) => model.use(backend, options),
  standing: () => ({ report: model.report, batchSize: model.batchSize }),
  verify: () => model.verify(),
  encode: (_, image, options) => model.encode(image, options),
  encodeBatch: (_, images) => model.encodeBatch(images),
  score: (_, images, classes) => model.score(images, classes),
};

addEventListener("message", async ({ data: { id, call, values } }) => {
  try {
    const value = await calls[call](id, ...values);
    const parts = [value].flat().flatMap((part) => Object.values(part ?? {}));
    const arrays = parts.filter((part) => ArrayBuffer.isView(part));
    postMessage({ id, value }, arrays.map((array) => array.buffer));
  } catch (error) {
    postMessage({ id, error: { name: error.name, message: error.message } });
  }
});

// Bytes of whatever holds some, with progress where they come over the network.

/** What to call a source in an error. */
export function nameOf(source) {
  if (typeof source === "string") return source;
  return source?.name ?? source?.href ?? (source?.url || "the model");
}

/** A Uint8Array of a URL, Response, Blob, ArrayBuffer or typed array. */
export async function bytesOf(source, { name = "source", onProgress, signal } = {}) {
  if (typeof source === "string" || source instanceof URL) {
    let response;
    try {
      response = await fetch(source, { signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error(`${source} cannot be fetched (${error.message}): check address and network`, {
        cause: error,
      });
    }
    return download(response, String(source), onProgress);
  }
  if (source instanceof Response) {
    return download(source, source.url || name, onProgress);
  }
  if (source instanceof Blob) {
    return new Uint8Array(await source.arrayBuffer());
  }
  if (source instanceof ArrayBuffer) {
    return new Uint8Array(source);
  }
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  }
  const found = source === null ? "null" : typeof source;
  throw new TypeError(
    `${name} is ${found}: pass a URL, Response, Blob, ArrayBuffer, typed array, or for images ImageData`,
  );
}

async function download(response, address, onProgress) {
  if (!response.ok) {
    throw new Error(`${address} answers ${response.status} ${response.statusText}: check the address`);
  }
  if (onProgress === undefined || response.body === null) {
    return new Uint8Array(await response.arrayBuffer());
  }
  // Of a compressed answer the length is another's; then the total is not known.
  const encoded = response.headers.has("content-encoding");
  const total = encoded ? null : Number(response.headers.get("content-length")) || null;
  const chunks = [];
  let loaded = 0;
  onProgress({ loaded, total });
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    loaded += value.length;
    onProgress({ loaded, total });
  }
  const bytes = new Uint8Array(loaded);
  let end = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, end);
    end += chunk.length;
  }
  return bytes;
}

// Serves a folder at localhost, and nothing outside it: `node serve.mjs FOLDER [PORT]`.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** A server of a folder, listening on a port (0: any that is free). */
export async function serve(folder, port = 0) {
  const root = resolve(folder);
  const server = createServer(async (request, response) => {
    try {
      const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
      const file = join(root, normalize(path.endsWith("/") ? `${path}index.html` : path));
      if (!file.startsWith(root + sep)) throw new Error("outside");
      const bytes = await readFile(file);
      response.writeHead(200, {
        "content-type": TYPES[extname(file)] ?? "application/octet-stream",
        "content-length": bytes.length,
        "cache-control": "no-cache",
      });
      response.end(request.method === "HEAD" ? undefined : bytes);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" });
      response.end("not found\n");
    }
  });
  await new Promise((listening, failed) => {
    server.once("error", failed);
    server.listen(port, "localhost", listening);
  });
  const close = () => {
    const closed = new Promise((done) => server.close(done));
    server.closeAllConnections();
    return closed;
  };
  return { address: `http://localhost:${server.address().port}`, close };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder, port = "8080"] = process.argv.slice(2);
  try {
    const { address } = await serve(folder, Number(port));
    console.log(`${address}/demo/`);
  } catch (error) {
    console.error(`port ${port} cannot be served (${error.code}): node serve.mjs ${folder} OTHER-PORT`);
    process.exitCode = 2;
  }
}

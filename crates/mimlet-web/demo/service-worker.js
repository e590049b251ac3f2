// Keeps every file of the page, so that it opens without a network. The packer fills in the version, a
// hash of all files: another version is another cache.
const CACHE = "mimlet-__VERSION__";

addEventListener("install", (event) => {
  const kept = async () => {
    const cache = await caches.open(CACHE);
    const { files } = await (await fetch("files.json", { cache: "no-cache" })).json();
    await cache.addAll(["./", ...files]);
    await skipWaiting();
  };
  event.waitUntil(kept());
});

addEventListener("activate", (event) => {
  const taken = async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith("mimlet-") && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await clients.claim();
  };
  event.waitUntil(taken());
});

addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const answered = async () => {
    const cache = await caches.open(CACHE);
    const kept = await cache.match(event.request, { ignoreSearch: true });
    return kept ?? fetch(event.request);
  };
  event.respondWith(answered());
});

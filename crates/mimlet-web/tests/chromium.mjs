// A headless Chromium with WebGPU on SwiftShader, through playwright-core.
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** Flags that give a page WebGPU without a GPU, and keep the browser to itself. */
const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-unsafe-webgpu",
  "--enable-unsafe-swiftshader",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
];

/** A browser with a profile of its own; `modules` is the folder that holds `node_modules`. */
export async function open(modules, options = {}) {
  const { chromium } = createRequire(join(modules, "package.json"))("playwright-core");
  const profile = await mkdtemp(join(tmpdir(), "mimlet-web-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.MIMLET_CHROMIUM ?? onThePath("chromium"),
    headless: true,
    args: FLAGS,
    ...options,
  });
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 3 });
  };
  return { context, close };
}

function onThePath(name) {
  const files = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
  const found = files.find((file) => existsSync(file));
  if (found === undefined) {
    throw new Error(`there is no ${name}: install it, or name a Chromium in MIMLET_CHROMIUM`);
  }
  return found;
}

// A headless Chromium with WebGPU on SwiftShader, through playwright-core.
import { createRequire } from "node:module";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
    executablePath: process.env.MIMLET_CHROMIUM ?? "/usr/bin/chromium",
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

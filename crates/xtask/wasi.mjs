// Runs a WebAssembly test program under Node, as cargo's runner for wasm32-wasip1:
//
//     node --no-warnings wasi.mjs PROGRAM.wasm ARGUMENTS...
//
// The program is given its arguments, the environment and the standard streams, but no folder: what
// tests compare with is compiled into them. Needs Node 18.17 or newer. Exits with the program's code.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

// A panic ends the whole program, so what a failed test printed must be out before.
const RUST_TEST_NOCAPTURE = "1";

// What Rust's test programs exit with when a test failed.
const FAILED = 101;

const [path, ...rest] = process.argv.slice(2);
if (path === undefined) {
  console.error("usage: node --no-warnings wasi.mjs PROGRAM.wasm ARGUMENTS...");
  process.exit(2);
}

const wasi = new WASI({
  version: "preview1",
  args: [path, ...rest],
  env: { ...process.env, RUST_TEST_NOCAPTURE },
  returnOnExit: true,
});
const program = await WebAssembly.compile(await readFile(path));
const imports = { wasi_snapshot_preview1: wasi.wasiImport };
const instance = await WebAssembly.instantiate(program, imports);
try {
  process.exitCode = wasi.start(instance);
} catch (error) {
  if (!(error instanceof WebAssembly.RuntimeError)) {
    throw error;
  }
  console.error(`\n${error.stack}`);
  console.error("wasi.mjs: the test named last failed, and a panic ends the program: the tests after it have not run");
  process.exitCode = FAILED;
}

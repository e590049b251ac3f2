// The acceptance test's verdict, and what each backend came to.
import { Figures, announce } from "./notices.js";

const element = (id) => document.getElementById(id);
const evidence = new Figures(element("evidence"));

/** Shows a verdict; null while there is none. */
export function showVerdict(verdict, model) {
  const badge = element("verdict");
  badge.className = `badge ${verdict === null ? "waiting" : verdict.passed ? "passed" : "failed"}`;
  badge.textContent = verdict === null ? "testing" : verdict.passed ? "PASSED" : "FAILED";
  element("golden").textContent = String(model.info.goldenImages);
  element("latency-note").textContent = verdict?.passed
    ? "Encoding alone, in a worker of this page, on the image above."
    : "Times are shown once the test has passed.";
  const failures = element("failures");
  failures.hidden = !verdict?.failures.length;
  failures.replaceChildren(...(verdict?.failures ?? []).map(item));
  if (verdict === null) {
    evidence.clear();
    return;
  }
  const agreement = verdict.tokenAgreement;
  evidence.show([
    ["lowest cosine", verdict.minCosine.toFixed(5)],
    ...(agreement === null ? [] : [["tokens agree", `${(agreement * 100).toFixed(2)} %`]]),
    ...(agreement === null ? [] : [["near-tie flips", verdict.nearTieFlips], ["wide flips", verdict.wideMarginFlips]]),
  ]);
  announce(`The file's own test ${verdict.passed ? "passed" : "failed"} on ${verdict.backend}.`);
}

/** Shows what each backend came to. */
export function showBackends(report) {
  const lines = report.map(({ backend, name, outcome, medianMs, reason }) => {
    const label = backend === "webgpu" ? "WebGPU" : "WebAssembly";
    const time = medianMs === null ? "" : `, ${medianMs.toFixed(1)} ms an image`;
    const words = {
      chosen: `runs here${time} (${name})`,
      slower: `passed${time}, slower`,
      failed: "does not pass the test, so it is not used",
      unavailable: `not used: ${reason}`,
    };
    const line = item(`${label} ${words[outcome]}`);
    line.className = outcome;
    return line;
  });
  element("backends").replaceChildren(...lines);
}

function item(words) {
  const line = document.createElement("li");
  line.textContent = words;
  return line;
}

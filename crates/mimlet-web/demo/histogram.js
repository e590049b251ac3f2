// A histogram of run times.

const WIDTH = 400;
const HEIGHT = 108;
const BINS = 25;

/** Times of runs, drawn with their median and 95th percentile. */
export class Histogram {
  #svg;
  #figures;
  #times = [];

  constructor(svg, figures) {
    this.#svg = svg;
    this.#figures = figures;
  }

  clear() {
    this.#times = [];
    this.#svg.replaceChildren();
    this.#figures.clear();
  }

  get isEmpty() {
    return this.#times.length === 0;
  }

  get median() {
    return this.#percentile(0.5);
  }

  /** The smallest time that such a share of runs does not exceed. */
  #percentile(share) {
    const sorted = [...this.#times].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  }

  /** Shows times in milliseconds, at least one. */
  draw(times) {
    this.#times = times;
    const [p50, p95] = [0.5, 0.95].map((share) => this.#percentile(share));
    this.#figures.show([
      ["median", `${p50.toFixed(1)} ms`],
      ["95 % within", `${p95.toFixed(1)} ms`],
      ["runs", times.length],
    ]);
    // A run that met a pause of the machine would squeeze all others into one bar.
    const low = Math.min(...times);
    const high = Math.max(low + 0.1, Math.min(Math.max(...times), p50 + 3 * (p95 - low)));
    const place = (time) => ((Math.min(time, high) - low) / (high - low)) * WIDTH;
    const counts = new Array(BINS).fill(0);
    for (const time of times) {
      counts[Math.min(BINS - 1, Math.floor((place(time) / WIDTH) * BINS))] += 1;
    }
    const most = Math.max(...counts);
    const bars = counts.map((count, bin) => {
      const height = (count / most) * (HEIGHT - 22);
      return shape("rect", {
        x: (bin * WIDTH) / BINS + 1,
        y: HEIGHT - height,
        width: WIDTH / BINS - 2,
        height,
        rx: 2,
      });
    });
    const mark = (time, label, row) => [
      shape("line", { class: "mark", x1: place(time), x2: place(time), y1: 12, y2: HEIGHT }),
      text(label, Math.min(place(time) + 3, WIDTH - 24), 10 + row),
    ];
    this.#svg.replaceChildren(
      ...bars,
      shape("line", { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
      ...mark(p50, "p50", 0),
      ...mark(p95, "p95", place(p95) - place(p50) < 30 ? 12 : 0),
      text(`${low.toFixed(1)} ms`, 0, HEIGHT + 16),
      text(`${high.toFixed(1)} ms`, WIDTH, HEIGHT + 16, "end"),
    );
    this.#svg.setAttribute(
      "aria-label",
      `Histogram of ${times.length} runs: median ${p50.toFixed(1)} milliseconds, 95 percent within ` +
        `${p95.toFixed(1)} milliseconds`,
    );
  }
}

function shape(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function text(words, x, y, anchor = "start") {
  const made = shape("text", { x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}

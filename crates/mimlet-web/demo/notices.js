// What the page says in words: progress, figures, problems, and to screen readers.

const element = (id) => document.getElementById(id);

/** Says something to screen readers, after what they are saying. */
export function announce(words) {
  element("status").textContent = words;
}

/** Shows what went wrong and what to do; null takes it away. */
export function problem(words) {
  const box = element("problem");
  box.hidden = words === null;
  box.textContent = words ?? "";
}

/** Shows how much of a file has come; null when all is there. */
export function downloaded(name, progress) {
  element("loading").classList.toggle("done", name === null);
  if (name === null) return;
  const { loaded, total } = progress;
  const bar = element("download");
  if (total === null) bar.removeAttribute("value");
  else bar.value = loaded / total;
  const of = total === null ? "" : ` of ${kilobytes(total)}`;
  element("download-label").textContent = `${name}: ${kilobytes(loaded)}${of}`;
}

function kilobytes(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Numbers with their names. */
export class Figures {
  #list;

  constructor(list) {
    this.#list = list;
  }

  get isEmpty() {
    return this.#list.childElementCount === 0;
  }

  show(pairs) {
    const figure = ([name, value]) => {
      const box = document.createElement("div");
      const [term, number] = ["dt", "dd"].map((tag) => document.createElement(tag));
      term.textContent = name;
      number.textContent = value;
      box.append(term, number);
      return box;
    };
    this.#list.replaceChildren(...pairs.map(figure));
  }

  clear() {
    this.#list.replaceChildren();
  }
}

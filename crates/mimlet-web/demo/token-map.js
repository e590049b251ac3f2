// The image with each patch's token over it, to be looked at patch by patch.

/** A token's colour: neighbours in the codebook are far apart on the circle of hues. */
function colour(token) {
  const lightness = [58, 70, 44][token % 3];
  return `hsl(${(token * 222.5 + 28) % 360} 72% ${lightness}%)`;
}

/** The map on a canvas; what is at a patch goes to an output. */
export class TokenMap {
  #canvas;
  #context;
  #output;
  #bitmap;
  #crop;
  #name = "";
  #encoding;
  #grid = [1, 1];
  #wide = Infinity;
  #opacity = 0.6;
  #at;

  constructor(canvas, output) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#output = output;
    canvas.addEventListener("pointermove", (event) => this.#point(event));
    canvas.addEventListener("pointerdown", (event) => this.#point(event));
    canvas.addEventListener("pointerleave", () => this.#go(undefined));
    canvas.addEventListener("keydown", (event) => this.#press(event));
  }

  /** Another image: the middle of it that the model sees. */
  picture(bitmap, name, { imageSize: [height, width], resizeShortSide }) {
    const scale = Math.min(bitmap.width, bitmap.height) / resizeShortSide;
    const [w, h] = [width * scale, height * scale];
    this.#crop = [(bitmap.width - w) / 2, (bitmap.height - h) / 2, w, h];
    this.#bitmap = bitmap;
    this.#name = name;
    this.#encoding = undefined;
    this.#at = undefined;
    this.#canvas.height = Math.round((this.#canvas.width * height) / width);
    this.#draw();
    this.#tell();
  }

  tokens(encoding, { grid, wideMargin }) {
    this.#encoding = encoding.tokens.length > 0 ? encoding : undefined;
    this.#grid = grid;
    this.#wide = wideMargin;
    const [rows, columns] = grid;
    this.#canvas.ariaLabel = `Token map of ${this.#name}, ${rows} rows of ${columns} patches`;
    this.#draw();
  }

  opacity(share) {
    this.#opacity = share;
    this.#draw();
  }

  #point(event) {
    const [rows, columns] = this.#grid;
    const box = this.#canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const inside = row >= 0 && row < rows && column >= 0 && column < columns;
    this.#go(inside ? [row, column] : undefined);
  }

  #press(event) {
    const [rows, columns] = this.#grid;
    const [row, column] = this.#at ?? [0, 0];
    const moves = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      Home: [row, 0],
      End: [row, columns - 1],
      PageUp: [0, column],
      PageDown: [rows - 1, column],
    };
    if (event.key === "Escape") {
      this.#go(undefined);
      return;
    }
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    // The first key shows where one is.
    const next = this.#at === undefined ? [row, column] : to;
    const clamp = (value, count) => Math.min(count - 1, Math.max(0, value));
    this.#go([clamp(next[0], rows), clamp(next[1], columns)]);
  }

  #go(at) {
    if (at?.join() === this.#at?.join()) return;
    this.#at = at;
    this.#draw();
    this.#tell();
  }

  #index() {
    return this.#at === undefined ? undefined : this.#at[0] * this.#grid[1] + this.#at[1];
  }

  #tell() {
    const index = this.#index();
    if (index === undefined || this.#encoding === undefined) {
      this.#output.textContent = "Point at a patch, or use the arrow keys.";
      return;
    }
    const { tokens, distances, margins } = this.#encoding;
    const token = tokens[index];
    const alike = tokens.filter((other) => other === token).length;
    const sure = margins[index] >= this.#wide ? "clear" : "near tie";
    const [row, column] = this.#at;
    const key = document.createElement("i");
    key.style.background = colour(token);
    this.#output.replaceChildren(
      key,
      `Row ${row + 1}, column ${column + 1}: token ${token}, distance ${distances[index].toFixed(2)}, ` +
        `margin ${margins[index].toFixed(2)} (${sure}), ${alike} of its kind`,
    );
  }

  #draw() {
    const { width, height } = this.#canvas;
    const context = this.#context;
    context.clearRect(0, 0, width, height);
    if (this.#bitmap !== undefined) {
      // Small images show their pixels.
      context.imageSmoothingEnabled = this.#crop[2] > 200;
      context.imageSmoothingQuality = "high";
      context.drawImage(this.#bitmap, ...this.#crop, 0, 0, width, height);
    }
    if (this.#encoding === undefined) return;
    const { tokens } = this.#encoding;
    const [rows, columns] = this.#grid;
    const [w, h] = [width / columns, height / rows];
    const at = this.#index();
    const place = (index) => [(index % columns) * w, Math.floor(index / columns) * h];
    for (const [index, token] of tokens.entries()) {
      const other = at !== undefined && token !== tokens[at];
      context.globalAlpha = other ? this.#opacity * 0.35 : this.#opacity;
      context.fillStyle = colour(token);
      context.fillRect(...place(index), w, h);
    }
    context.globalAlpha = 1;
    if (at === undefined) return;
    for (const [index, token] of tokens.entries()) {
      if (token !== tokens[at]) continue;
      const [x, y] = place(index);
      const edge = index === at ? 6 : 2;
      // Seen on any colour: white with a dark rim.
      for (const [line, ink] of [[edge + 2, "#000"], [edge, "#fff"]]) {
        context.lineWidth = line;
        context.strokeStyle = ink;
        context.strokeRect(x + edge / 2 + 1, y + edge / 2 + 1, w - edge - 2, h - edge - 2);
      }
    }
  }
}

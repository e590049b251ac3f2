/** Where a model runs. */
export type Backend = "webgpu" | "wasm";

/** Something that holds bytes. An address is fetched. */
export type Source = string | URL | Response | Blob | ArrayBuffer | ArrayBufferView;

/** Pixels as a canvas gives them: RGBA in rows. */
export interface Pixels {
  readonly data: Uint8ClampedArray | Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface GpuOptions {
  /**
   * How a GPU's kernels are chosen: by trying each on the model's own shapes (`measured`, up to 1.5
   * seconds), by what suits GPUs of its kind (`vendor`), or the one or the other by whether it is
   * hardware (`auto`, the default).
   */
  tuning?: "auto" | "measured" | "vendor";
  /** Lets a GPU that is software take part in `auto`, for tests. */
  softwareGpu?: boolean;
}

export interface OpenOptions extends GpuOptions {
  /**
   * `auto` (the default) runs the file's acceptance test on WebGPU and on WebAssembly and keeps the
   * faster one that passes; a GPU that is software is left out. The others are taken as they are:
   * `verify()` says whether they are right.
   */
  backend?: "auto" | Backend;
  /** Called as the file comes over the network; bytes, `total` null where it is not known. */
  onProgress?: (progress: { loaded: number; total: number | null }) => void;
  /** Gives up. */
  signal?: AbortSignal;
  /** Where `mimlet_web_bg.wasm` is, when not beside `mimlet_web.js`. */
  wasm?: string | URL | Response | WebAssembly.Module;
}

/** What a file says of itself. */
export interface Info {
  readonly name: string;
  readonly scheme: "f32" | "f16" | "int8" | "int4" | "mixed";
  /** BLAKE3 of the content, hexadecimal. */
  readonly hash: string;
  readonly bytes: number;
  /** Height and width, pixels. */
  readonly imageSize: [number, number];
  /** Rows and columns of patches. */
  readonly grid: [number, number];
  readonly patchSize: number;
  readonly dim: number;
  readonly depth: number;
  readonly heads: number;
  /** Pixels; the middle `imageSize` of the resized image is what the model sees. */
  readonly resizeShortSide: number;
  readonly licence: string | null;
  readonly codebookSize: number | null;
  readonly goldenImages: number;
  /** A margin from which another token than the float model's is a fault and no near-tie. */
  readonly wideMargin: number;
}

/** What the acceptance test found. */
export interface Verdict {
  readonly passed: boolean;
  readonly backend: string;
  readonly images: number;
  /** Lowest and mean cosine of features to the float model's. */
  readonly minCosine: number;
  readonly meanCosine: number;
  /** Share of the float model's tokens, 0 to 1. */
  readonly tokenAgreement: number | null;
  readonly nearTieFlips: number;
  readonly wideMarginFlips: number;
  readonly tcas: number | null;
  readonly deviation: number | null;
  /** What was not reached, a sentence each. */
  readonly failures: string[];
}

/** What a backend came to. */
export interface Tried {
  readonly backend: Backend;
  readonly name: string;
  readonly outcome: "chosen" | "slower" | "failed" | "unavailable";
  readonly verdict: Verdict | null;
  /** Median of an image, only where the test passed. */
  readonly medianMs: number | null;
  /** Why it is unavailable. */
  readonly reason: string | null;
}

/** What an image was encoded to. */
export interface Encoding {
  /** Of each patch, in rows; empty without a codebook. */
  readonly tokens: Uint32Array;
  /** Euclidean distance of each patch to its centroid. */
  readonly distances: Float32Array;
  /** How much farther the second-best centroid is. */
  readonly margins: Float32Array;
  /** The class feature, `[dim]`. */
  readonly class: Float32Array;
  /** The patch features, `[rows * columns, dim]`. */
  readonly features: Float32Array;
  /** Where it was: with `auto`, WebAssembly takes over when the GPU is lost. */
  readonly backend: Backend;
  /** Encoding took; of a batch, an image's share. */
  readonly milliseconds: number;
  /** Decoding, resizing and cropping took. */
  readonly prepareMilliseconds: number;
}

export interface Score {
  /** Lower is better; null when nothing was counted. */
  readonly tcas: number | null;
  /** Of labels that were shuffled: what tokens that know nothing of the classes would get. */
  readonly shuffledTcas: number | null;
  readonly nmi: number | null;
  readonly images: number;
  readonly usedTokens: number;
}

/** A `.mim` file on a backend of this browser. Calls queue; each error says what to do. */
export class Model {
  private constructor();
  static open(source: Source, options?: OpenOptions): Promise<Model>;
  readonly info: Info;
  readonly report: readonly Tried[];
  readonly backend: Backend | undefined;
  /** How many images at once `encodeBatch` is best given, where there are many: 1 where it gains nothing. */
  readonly batchSize: number;
  /** Goes to another backend; when that fails, the model stays where it is. */
  use(backend: "auto" | Backend, options?: GpuOptions): Promise<readonly Tried[]>;
  verify(): Promise<Verdict & { readonly medianMs: number | null }>;
  /**
   * PNG, JPEG and WebP files are decoded in WebAssembly, as on every other device, so that tokens are
   * the same; resizing and cropping are the same for pixels too.
   */
  encode(image: Source | Pixels, options?: { name?: string }): Promise<Encoding>;
  /**
   * As `encode`, of several images at once: on a GPU they are one submission, or as few as its memory
   * allows; an image's result is the same. Nothing is encoded when one of them is no image.
   */
  encodeBatch(images: Iterable<Source | Pixels>): Promise<Encoding[]>;
  score(images: Iterable<{ tokens: Uint32Array; label: number }>, classes: number): Promise<Score>;
  free(): void;
}

/** The same in a worker of its own. Images given as `ImageData` or bytes are copied. */
export function openInWorker(
  source: Exclude<Source, Response>,
  options?: Omit<OpenOptions, "wasm"> & { wasm?: string },
): Promise<Pick<Model, keyof Model>>;

/** Loads the wasm file ahead of time. */
export function load(wasm?: OpenOptions["wasm"]): Promise<unknown>;

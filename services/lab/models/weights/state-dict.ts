import type { Fail } from "../../formats/fail.ts";
import { readSafetensors } from "./safetensors.ts";
import type { SavedObject } from "./saved-object.ts";
import { failIn, isBatchCounter, type NamedTensor, type TensorFile, volume } from "./tensor-file.ts";
import { readTorchLegacy } from "./torch-legacy.ts";
import { readView, type Storage, TensorView } from "./torch-tensors.ts";
import { readTorchZip } from "./torch-zip.ts";

/** Weights from whatever file a user has, told apart by its first bytes; nothing in it is run. */

export interface StateDict extends TensorFile {
  readonly format: "safetensors" | "torch-zip" | "torch-legacy";
  /** The entries that the weights were found under, outermost first: ["state_dict"] in most checkpoints, [] for bare weights. */
  readonly path: readonly string[];
  /** Entries beside the weights that are no tensors. */
  readonly leftOut: readonly string[];
  /** Entries that hold weights, too, and were not taken. */
  readonly others: readonly string[];
}

/** Entries that checkpoints keep weights under. Where several are there the first of this list is taken. */
const WRAPPERS = ["state_dict", "model_state_dict", "model_state", "model", "net", "network", "attacker", "module", "params", "weights", "ema_state_dict", "model_ema", "ema"];
const MAX_WRAPPERS = 4;
/** Entries of a checkpoint that are looked into: a pickle may name one large dict many times. */
const MAX_ENTRIES = 100;
/** Tensors may share a storage (tied weights), but not without end: all values together by all stored ones. */
const MAX_SHARING = 4;
/** Bytes of the values as f32, by those of the file: f16 that is shared so often; but small files may be packed well. */
const MAX_GROWTH = 2 * MAX_SHARING;
const ALWAYS_BYTES = 64 * 2 ** 20;

/**
 * @param bytes safetensors, or a file of torch.save (zip or legacy) with a state dict, bare or in a usual checkpoint.
 * @returns every tensor as f32, without the counters of batch norms.
 * @throws AppError WEIGHTS_CORRUPT (the bytes contradict their format), WEIGHTS_UNSUPPORTED (another format, number type or
 * pickled object, named in the message).
 */
export async function readStateDict(bytes: Uint8Array): Promise<StateDict> {
  const format = sniff(bytes, failIn("weights"));
  const fail = failIn(format);
  if (format === "safetensors") return { ...readSafetensors(bytes, isBatchCounter), format, path: [], leftOut: [], others: [] };
  const saved = format === "torch-zip" ? await readTorchZip(bytes, fail) : readTorchLegacy(bytes, fail);
  const { path, dict, others } = findStateDict(saved.value, fail);
  const views = [...dict].flatMap(([name, value]): [string, TensorView][] => (value instanceof TensorView && !isBatchCounter(name) ? [[name, value]] : []));
  const leftOut = [...dict].flatMap(([name, value]) => (value instanceof TensorView ? [] : [name]));
  return { tensors: readViews(views, saved, bytes.byteLength, fail), metadata: {}, format, path, leftOut, others };
}

/** Formats that are told apart only to be refused: where in the file, its bytes as latin1, what to say. */
const OTHERS: readonly (readonly [at: number, text: string, name: string])[] = [
  [257, "ustar", "a TAR archive (PyTorch before 0.1.10, or a packed folder); load it in PyTorch and save the state dict again, or unpack it"],
  [0, "\x1f\x8b", "a gzip file; unpack it first"],
  [0, "\x93NUMPY", "a NumPy array; save the weights as safetensors"],
  [0, "\x89HDF", "an HDF5 file; save the weights as safetensors"],
];

function sniff(bytes: Uint8Array, fail: Fail): StateDict["format"] {
  const has = (at: number, text: string): boolean => Buffer.from(bytes.subarray(at, at + text.length)).toString("latin1") === text;
  if (has(0, "PK\x03\x04") || has(0, "PK\x05\x06")) return "torch-zip";
  if (bytes[0] === 0x80) return "torch-legacy";
  if (has(8, "{")) return "safetensors";
  const other = OTHERS.find(([at, text]) => has(at, text));
  throw fail("refused", `expected safetensors or a file of torch.save, got ${other?.[2] ?? `a file that begins with ${Buffer.from(bytes.subarray(0, 8)).toString("hex") || "nothing"}`}`);
}

type Dict = ReadonlyMap<string, unknown>;

/** Wrappers are looked for first: a checkpoint may hold tensors of its own, such as its best accuracy. */
function findStateDict(value: unknown, fail: Fail): { path: string[]; dict: Dict; others: string[] } {
  const path: string[] = [];
  const others: string[] = [];
  let dict = asDict(value);
  if (!dict) throw fail("refused", `expected a dict of tensors, got ${value instanceof TensorView ? "a single tensor" : typeof value}; save model.state_dict()`);
  while (path.length < MAX_WRAPPERS) {
    const name = wrapperIn(dict);
    if (name === undefined) break;
    path.push(name);
    others.push(...WRAPPERS.filter((other) => other !== name && holdsTensors(asDict(dict!.get(other)) ?? new Map())));
    dict = asDict(dict.get(name))!;
  }
  if (holdsTensors(dict)) return { path, dict, others };
  throw fail("refused", `expected tensors by name, or under one of ${WRAPPERS.join(", ")}; got entries ${[...dict.keys()].slice(0, 10).join(", ") || "none"}; save model.state_dict()`);
}

function wrapperIn(dict: Dict): string | undefined {
  const usual = WRAPPERS.find((name) => asDict(dict.get(name)) !== undefined);
  if (usual !== undefined || holdsTensors(dict)) return usual;
  if (dict.size > MAX_ENTRIES) return undefined;
  const only = [...dict.keys()].filter((name) => { const inner = asDict(dict.get(name)); return inner !== undefined && holdsTensors(inner); });
  return only.length === 1 ? only[0] : undefined;
}

function asDict(value: unknown): Dict | undefined {
  return value instanceof Map && [...value.keys()].every((key) => typeof key === "string") ? value as Dict : undefined;
}

function holdsTensors(dict: Dict): boolean { return [...dict.values()].some((value) => value instanceof TensorView); }

/** Storages first, so that a limit on what is made of them counts bytes that are there. */
function readViews(views: readonly (readonly [string, TensorView])[], { bytesOf }: SavedObject, fileBytes: number, fail: Fail): Map<string, NamedTensor> {
  const bytes = new Map<Storage, Uint8Array>();
  for (const [, { storage: { root } }] of views) if (!bytes.has(root)) bytes.set(root, bytesOf(root));
  const stored = [...bytes.keys()].reduce((sum, { length }) => sum + length, 0);
  const wanted = views.reduce((sum, [, { shape }]) => sum + volume(shape), 0);
  if (wanted > MAX_SHARING * stored) throw fail("refused", `expected tensors of at most ${MAX_SHARING} times the ${stored} stored values, got ${wanted}; save contiguous() copies`);
  if (4 * wanted > MAX_GROWTH * fileBytes + ALWAYS_BYTES) throw fail("refused", `expected at most ${MAX_GROWTH} times the file's ${fileBytes} bytes as 32-bit floats, got ${4 * wanted}; save the weights as floats, not packed`);
  return new Map(views.map(([name, view]) => [name, readView(name, view, bytes.get(view.storage.root)!, fail)]));
}

import type { Fail } from "../../formats/fail.ts";
import { numpyGlobals } from "../../formats/numpy-pickle.ts";
import type { PickleDialect, PickleFunction } from "../../formats/pickle.ts";
import { bytesPerValue, type Dtype, toFloat32 } from "./dtypes.ts";
import { isSizes, MAX_RANK, type NamedTensor, volume } from "./tensor-file.ts";

/** PyTorch's tensors as its pickles describe them: views of storages, whose bytes lie elsewhere in the file. */

export class Storage {
  constructor(readonly key: string, readonly dtype: Dtype, /** values */ readonly length: number) {}
}

/** Part of a storage that stands for a storage itself: PyTorch before 0.4. */
export class StorageView {
  constructor(readonly root: Storage, readonly offset: number, readonly length: number) {}
}

export class TensorView {
  constructor(readonly storage: StorageView, /** in values, as strides are */ readonly offset: number, readonly shape: readonly number[], readonly strides: readonly number[]) {}
}

const ADVICE = 'save the weights alone, torch.save(model.state_dict(), "weights.pt"), and import that file';

const STORAGES: Readonly<Record<string, Dtype>> = {
  DoubleStorage: "F64", FloatStorage: "F32", HalfStorage: "F16", BFloat16Storage: "BF16",
  LongStorage: "I64", IntStorage: "I32", ShortStorage: "I16", CharStorage: "I8", ByteStorage: "U8", BoolStorage: "BOOL",
};

const MAX_PAIRS = 1_000_000;

/** Every storage that a pickle has named, and what else it may name. */
export interface TorchDialect extends PickleDialect { readonly storages: ReadonlyMap<string, Storage> }

export function torchDialect(fail: Fail): TorchDialect {
  const storages = new Map<string, Storage>();
  const types = new Map<unknown, Dtype>();
  const globals = numpyGlobals(fail);
  for (const [name, dtype] of Object.entries(STORAGES)) {
    const type: PickleFunction = () => { throw fail("damaged", `expected torch.${name} to be named only`); };
    types.set(type, dtype);
    globals.set(`torch.${name}`, type);
  }
  let pairs = 0;
  const dict: PickleFunction = ([content]) => {
    // The only arguments that are copied: without a limit a short pickle could have a long list copied again and again.
    if (Array.isArray(content) && (pairs += content.length) > MAX_PAIRS) throw fail("refused", `expected dicts made from at most ${MAX_PAIRS} pairs`);
    return toDict(content, fail);
  };
  for (const name of ["collections.OrderedDict", "collections.Counter", "builtins.dict", "__builtin__.dict"]) globals.set(name, dict);
  globals.set("collections.defaultdict", ([, content]) => dict([content]));
  globals.set("torch.Size", ([sizes]) => sizes);
  const rebuild: PickleFunction = ([storage, offset, shape, strides]) => toView(storage, offset, shape, strides, fail);
  globals.set("torch._utils._rebuild_tensor", rebuild);
  globals.set("torch._utils._rebuild_tensor_v2", rebuild);
  globals.set("torch._utils._rebuild_parameter", ([data]) => data);
  const persistent = (id: unknown): StorageView => toStorage(id, types, storages, fail);
  return { globals, persistent, storages, advice: ADVICE, fail };
}

/** dict(), dict(mapping) or dict(pairs). */
function toDict(content: unknown, fail: Fail): Map<unknown, unknown> {
  if (content === undefined) return new Map();
  if (content instanceof Map) return content as Map<unknown, unknown>;
  if (!Array.isArray(content) || !content.every((pair) => Array.isArray(pair) && pair.length === 2)) throw fail("damaged", "expected a dict of pairs");
  return new Map(content as [unknown, unknown][]);
}

/** ("storage", type, key, device, length[, view of it]) */
function toStorage(id: unknown, types: ReadonlyMap<unknown, Dtype>, storages: Map<string, Storage>, fail: Fail): StorageView {
  const [kind, type, key, , length, view] = Array.isArray(id) ? id as unknown[] : [];
  const dtype = types.get(type);
  if (kind !== "storage" || !dtype || typeof key !== "string" || !isSizes([length])) throw fail("damaged", "expected a storage of numbers with a key and a length");
  const storage = storages.get(key) ?? new Storage(key, dtype, length as number);
  if (storage.dtype !== dtype || storage.length !== length) throw fail("refused", `storage ${key}: expected ${storage.length} values of ${storage.dtype} as before, got ${String(length)} of ${dtype}; ${ADVICE}`);
  storages.set(key, storage);
  if (view === undefined || view === null) return new StorageView(storage, 0, storage.length);
  const [, offset, part] = Array.isArray(view) ? view as unknown[] : [];
  if (!isSizes([offset, part]) || (offset as number) + (part as number) > storage.length) throw fail("damaged", `storage ${key}: expected a view inside its ${storage.length} values`);
  return new StorageView(storage, offset as number, part as number);
}

/** Checked here, so that every view that exists lies inside its storage and is not larger than it. */
function toView(storage: unknown, offset: unknown, shape: unknown, strides: unknown, fail: Fail): TensorView {
  if (!(storage instanceof StorageView)) throw fail("damaged", "expected a tensor over a storage");
  if (!isSides(shape) || !isSides(strides) || !isSizes([offset]) || shape.length !== strides.length) {
    throw fail("damaged", `a tensor over storage ${storage.root.key}: expected an offset and at most ${MAX_RANK} sizes with as many strides`);
  }
  const last = shape.reduce((position, side, i) => position + (side - 1) * strides[i]!, offset as number);
  const empty = shape.includes(0);
  if (!empty && !(last < storage.length)) throw fail("damaged", `tensor [${shape.join(", ")}] over storage ${storage.root.key}: expected it inside the ${storage.length} values, got one up to ${last}`);
  if (!empty && volume(shape) > storage.length) throw fail("refused", `tensor [${shape.join(", ")}] over storage ${storage.root.key}: expected no more than its ${storage.length} values, got an expanded view; save a contiguous() copy`);
  return new TensorView(storage, offset as number, [...shape], [...strides]); // the pickle still holds its own lists and may change them
}

/** Length first: a short pickle may name a long list many times. */
function isSides(value: unknown): value is number[] { return Array.isArray(value) && value.length <= MAX_RANK && isSizes(value); }

/** The numbers of a view, row-major. @param bytes of the whole storage. */
export function readView(name: string, { storage, offset, shape, strides }: TensorView, bytes: Uint8Array, fail: Fail): NamedTensor {
  const { dtype } = storage.root;
  const width = bytesPerValue(dtype);
  const start = storage.offset + offset;
  const count = volume(shape);
  const packed = count === 0 || isContiguous(shape, strides) ? bytes.subarray(start * width, count === 0 ? start * width : (start + count) * width) : gather(bytes, width, start, shape, strides);
  return { shape, data: toFloat32(name, dtype, packed, fail) };
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}

/** Copies the values of a strided view one after the other. */
function gather(bytes: Uint8Array, width: number, start: number, shape: readonly number[], strides: readonly number[]): Uint8Array {
  const out = new Uint8Array(volume(shape) * width);
  const index = shape.map(() => 0);
  for (let position = start, to = 0; to < out.length; to += width) {
    for (let b = 0; b < width; b++) out[to + b] = bytes[position * width + b]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      position -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

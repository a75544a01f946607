/** Writes pickles opcode by opcode, so that tests can say what no Python would. */

type Bytes = Uint8Array;

const all = (...parts: (Bytes | number)[]): Bytes => Buffer.concat(parts.map((part) => (typeof part === "number" ? Uint8Array.of(part) : part)));

export function u32(value: number): Bytes {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: bigint): Bytes {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

export const py = {
  /** A whole pickle that ends in one value. */
  pickle: (...body: Bytes[]): Bytes => all(0x80, 2, ...body, 0x2e),
  code: (...bytes: number[]): Bytes => Uint8Array.from(bytes),
  none: Uint8Array.of(0x4e),
  bool: (value: boolean): Bytes => Uint8Array.of(value ? 0x88 : 0x89),
  int: (value: number): Bytes => all(0x4a, u32(value >>> 0)),
  text: (value: string): Bytes => all(0x58, u32(Buffer.byteLength(value)), Buffer.from(value)),
  /** Python 2's str. */
  str: (value: string): Bytes => all(0x54, u32(value.length), Buffer.from(value, "latin1")),
  tuple: (...items: Bytes[]): Bytes => all(0x28, ...items, 0x74),
  list: (...items: Bytes[]): Bytes => all(0x5d, 0x28, ...items, 0x65),
  dict: (...pairs: [Bytes, Bytes][]): Bytes => all(0x7d, 0x28, ...pairs.flat(), 0x75),
  global: (module: string, name: string): Bytes => all(0x63, Buffer.from(`${module}\n${name}\n`)),
  call: (callee: Bytes, ...args: Bytes[]): Bytes => all(callee, py.tuple(...args), 0x52),
  build: (object: Bytes, state: Bytes): Bytes => all(object, state, 0x62),
  persistent: (id: Bytes): Bytes => all(id, 0x51),
  put: (value: Bytes, index: number): Bytes => all(value, 0x72, u32(index)),
  get: (index: number): Bytes => all(0x6a, u32(index)),
  repeat: (times: number, ...body: Bytes[]): Bytes => {
    const once = all(...body);
    const bytes = Buffer.alloc(times * once.length);
    for (let i = 0; i < times; i++) bytes.set(once, i * once.length);
    return bytes;
  },
};

const ints = (values: readonly number[]): Bytes => py.tuple(...values.map(py.int));

/** A storage of torch.save; `view` is [key, offset, length] as PyTorch before 0.4 wrote it. */
export function storage(key: string, length: number, type = "FloatStorage", view?: readonly [string, number, number]): Bytes {
  const tail = view ? [py.tuple(py.text(view[0]), py.int(view[1]), py.int(view[2]))] : [];
  return py.persistent(py.tuple(py.text("storage"), py.global("torch", type), py.text(key), py.text("cpu"), py.int(length), ...tail));
}

export function tensor(of: Bytes, offset: number, shape: readonly number[], strides: readonly number[]): Bytes {
  return py.call(py.global("torch._utils", "_rebuild_tensor_v2"), of, py.int(offset), ints(shape), ints(strides), py.bool(false), py.dict());
}

/** A legacy file of torch.save: the object's pickle, then the storages by key. */
export function legacyFile(object: Bytes, storages: Readonly<Record<string, Float32Array>>, { littleEndian = true, lengths = {} as Readonly<Record<string, number>> } = {}): Bytes {
  const magic = all(0x8a, 10, Buffer.from("6cfc9c46f9206aa85019", "hex"));
  return all(
    py.pickle(magic), py.pickle(py.int(1001)), py.pickle(py.dict([py.text("little_endian"), py.bool(littleEndian)])), py.pickle(object),
    py.pickle(py.list(...Object.keys(storages).map(py.text))),
    ...Object.entries(storages).flatMap(([key, data]) => [u64(BigInt(lengths[key] ?? data.length)), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]),
  );
}

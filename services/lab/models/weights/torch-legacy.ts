import { ByteReader } from "../../formats/byte-reader.ts";
import type { Fail } from "../../formats/fail.ts";
import { readPickle } from "../../formats/pickle.ts";
import { bytesPerValue } from "./dtypes.ts";
import type { SavedObject } from "./saved-object.ts";
import { type Storage, torchDialect } from "./torch-tensors.ts";

/**
 * What torch.save wrote before PyTorch 1.6 and does on request: pickles of a magic number, a protocol version, facts about
 * the machine, the object and the storages' keys, then each storage's length and bytes.
 */

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

export function readTorchLegacy(bytes: Uint8Array, fail: Fail): SavedObject {
  const reader = new ByteReader(bytes, fail);
  const dialect = torchDialect(fail);
  const magic = readPickle(reader, dialect);
  if (magic !== MAGIC) throw fail("refused", `expected PyTorch's magic number, got another pickle; ${dialect.advice}`);
  const protocol = readPickle(reader, dialect);
  if (protocol !== PROTOCOL) throw fail("refused", `expected PyTorch's file protocol ${PROTOCOL}, got ${String(protocol)}`);
  const machine = readPickle(reader, dialect);
  if (!(machine instanceof Map) || machine.get("little_endian") !== true) throw fail("refused", "expected little-endian numbers, got a file from a big-endian machine; save it again on another");
  const value = readPickle(reader, dialect);
  const keys = readPickle(reader, dialect);
  const found = readStorages(reader, keys, dialect.storages, fail);
  return { value, bytesOf: ({ key }) => found.get(key)! };
}

function readStorages(reader: ByteReader, keys: unknown, storages: ReadonlyMap<string, Storage>, fail: Fail): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  if (!Array.isArray(keys)) throw fail("damaged", "expected a list of storages");
  for (const key of keys as unknown[]) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (!storage || found.has(storage.key)) throw fail("damaged", `expected each storage that the pickle names once, got ${JSON.stringify(String(key).slice(0, 100))}`);
    const length = reader.u64();
    if (length !== storage.length) throw fail("damaged", `storage ${storage.key}: expected ${storage.length} values, got ${length}`);
    found.set(storage.key, reader.take(length * bytesPerValue(storage.dtype)));
  }
  if (found.size !== storages.size) throw fail("damaged", `expected ${storages.size} storages, got ${found.size}`);
  if (reader.left > 0) throw fail("damaged", `expected the file to end after its storages, got ${reader.left} more bytes`);
  return found;
}

import { ByteReader } from "../../formats/byte-reader.ts";
import type { Fail } from "../../formats/fail.ts";
import { readPickle } from "../../formats/pickle.ts";
import { listZip, unpackMember, type ZipMember } from "../../formats/zip.ts";
import { bytesPerValue } from "./dtypes.ts";
import type { SavedObject } from "./saved-object.ts";
import { torchDialect } from "./torch-tensors.ts";

/** What torch.save writes since PyTorch 1.6: a zip archive of one pickle, NAME/data.pkl, and a member NAME/data/KEY for each storage. */

export async function readTorchZip(bytes: Uint8Array, fail: Fail): Promise<SavedObject> {
  const members = await listZip(bytes, fail);
  const read = (member: ZipMember): Uint8Array => unpackMember(member, bytes.subarray(member.start, member.start + member.packedBytes), fail);
  const folder = findFolder([...members.keys()], fail);
  const order = members.get(`${folder}byteorder`);
  if (order && Buffer.from(read(order)).toString("latin1") !== "little") throw fail("refused", "expected little-endian numbers, got a file from a big-endian machine; save it again on another");
  const dialect = torchDialect(fail);
  const value = readPickle(new ByteReader(read(members.get(`${folder}data.pkl`)!), fail), dialect);
  return {
    value,
    bytesOf: ({ key, dtype, length }) => {
      const member = members.get(`${folder}data/${key}`);
      if (!member || member.bytes !== length * bytesPerValue(dtype)) throw fail("damaged", `storage ${key}: expected a member data/${key} of ${length * bytesPerValue(dtype)} bytes, got ${member?.bytes ?? "none"}`);
      return read(member);
    },
  };
}

/** The folder that holds data.pkl. */
function findFolder(names: readonly string[], fail: Fail): string {
  const folders = names.flatMap((name) => /^([^/]*\/)data\.pkl$/.exec(name)?.[1] ?? []);
  if (folders.length === 1 && names.some((name) => name === `${folders[0]}constants.pkl`)) throw fail("refused", "expected saved weights, got a TorchScript program; save model.state_dict() instead");
  if (folders.length === 1) return folders[0]!;
  if (names.length > 0 && names.every((name) => name.endsWith(".npy"))) throw fail("refused", "expected saved weights, got NumPy arrays (.npz); save them as safetensors");
  throw fail("refused", `expected a zip archive written by torch.save, with one data.pkl, got ${folders.length} of them among ${names.length} members`);
}

import type { Storage } from "./torch-tensors.ts";

/** What a file of torch.save holds, before its tensors are read. */
export interface SavedObject {
  readonly value: unknown;
  /** All bytes of a storage, little-endian; their number is checked. Reading one twice costs twice. */
  readonly bytesOf: (storage: Storage) => Uint8Array;
}

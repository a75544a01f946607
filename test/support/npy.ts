import { readFileSync } from "node:fs";

import { AppError } from "../../services/common/errors.ts";
import { type NpyData as AnyData, parseNpy } from "../../services/lab/formats/npy.ts";

/** A NumPy array from a .npy file. */
export interface Npy<T = NpyData> { readonly shape: readonly number[]; readonly data: T }
export type NpyData = Exclude<AnyData, BigInt64Array | BigUint64Array>;

/** @throws AppError for anything but an array of whole numbers of at most 32 bits or floats. */
export function readNpy(path: string): Npy {
  const fail = (_problem: string, message: string): AppError => new AppError("INVARIANT", `${path}: ${message}`);
  const { shape, data } = parseNpy(readFileSync(path), fail);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) throw fail("refused", "expected numbers of at most 32 bits, or floats");
  return { shape, data };
}

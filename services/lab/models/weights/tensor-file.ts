import { AppError } from "../../../common/errors.ts";
import type { Fail } from "../../formats/fail.ts";

/** Weights as files hold them, in the one form that all readers end in: f32, row-major, by name in the file's order. */
export interface NamedTensor { readonly shape: readonly number[]; readonly data: Float32Array }
export interface TensorFile { readonly tensors: ReadonlyMap<string, NamedTensor>; readonly metadata: Readonly<Record<string, string>> }

export const MAX_RANK = 8;

export function volume(shape: readonly number[]): number { return shape.reduce((product, side) => product * side, 1); }

export function isSizes(value: unknown): value is number[] { return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0); }

/** How many batches a batch norm has seen: saved with weights, but none. Beyond 2^24 it would not fit f32, so readers leave it out. */
export function isBatchCounter(name: string): boolean { return name.endsWith("num_batches_tracked"); }

/** A message may quote a name from the file, and that may be as long as the file. */
const MAX_MESSAGE = 1_000;

/** Errors of a reader of weights. */
export function failIn(where: string): Fail {
  return (problem, message) => new AppError(problem === "damaged" ? "WEIGHTS_CORRUPT" : "WEIGHTS_UNSUPPORTED", `${where}: ${message}`.slice(0, MAX_MESSAGE));
}

import { EngineError } from "../errors.ts";
import { elements } from "../gpu/tensor.ts";
import type { Shape } from "../graph/graph.ts";

/** A tensor as files hold it: PyTorch's shape, row-major. */
export interface StoredTensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** Names listed in a message; all are in the error's details. */
const LISTED = 10;

/** @throws EngineError WEIGHTS_CORRUPT unless `tensors` are exactly the `expected` ones, with their shapes and, unless they are taken as they are, finite values. */
export function checkStored(expected: readonly { readonly name: string; readonly shape: Shape }[], tensors: ReadonlyMap<string, StoredTensor>, nonFinite: "refuse" | "take" = "refuse"): void {
  const names = new Set(expected.map(({ name }) => name));
  const present = expected.filter(({ name }) => tensors.has(name));
  const problems = {
    missing: expected.filter(({ name }) => !tensors.has(name)).map(({ name }) => name),
    surplus: [...tensors.keys()].filter((name) => !names.has(name)),
    misshapen: present.filter(({ name, shape }) => !hasShape(tensors.get(name)!, shape)).map(({ name, shape }) => `${name} (expected [${shape.join(", ")}], got [${tensors.get(name)!.shape.join(", ")}] with ${tensors.get(name)!.data.length} numbers)`),
    notFinite: nonFinite === "take" ? [] : present.filter(({ name }) => !tensors.get(name)!.data.every(Number.isFinite)).map(({ name }) => name),
  };
  const found = Object.entries(problems).filter(([, list]) => list.length > 0);
  if (found.length === 0) return;
  throw new EngineError("WEIGHTS_CORRUPT", `load: expected the ${expected.length} tensors of the network, got ${found.map(([kind, list]) => `${kind}: ${shorten(list)}`).join("; ")}`, problems);
}

function hasShape({ shape, data }: StoredTensor, expected: Shape): boolean {
  return shape.length === expected.length && shape.every((side, i) => side === expected[i]) && data.length === elements(expected);
}

function shorten(names: readonly string[]): string {
  const more = names.length - LISTED;
  return names.slice(0, LISTED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

import type { Warning } from "../../../../schema/jobs/warning.ts";
import { clip } from "./errors.ts";
import type { OnnxModel } from "./model.ts";
import type { StaticModel } from "./statics.ts";
import type { PlacedWeight } from "./walk.ts";

/** What is odd about the numbers of a network. */
export function weightWarnings({ initialisers }: OnnxModel, { weights }: StaticModel, placed: ReadonlyMap<string, PlacedWeight>): Warning[] {
  const broken = [...placed].filter(([, { tensor }]) => !tensor.data.every(Number.isFinite)).map(([name]) => name);
  const converted = [...initialisers].filter(([name, { type, storedAs }]) => weights.has(name) && type === "float" && storedAs !== "float").map(([name, { storedAs }]) => `${name} (${storedAs})`);
  return [
    ...(broken.length > 0 ? [{ code: "NAN_WEIGHTS", message: `${broken.length} tensors hold NaN or infinite numbers: ${some(broken)}.` }] : []),
    ...(converted.length > 0 ? [{ code: "WEIGHTS_CONVERTED", message: `${converted.length} tensors were converted to 32-bit floats: ${some(converted)}.` }] : []),
  ];
}

function some(names: readonly string[]): string { return names.slice(0, 5).map((name) => clip(name)).join(", ") + (names.length > 5 ? ", …" : ""); }

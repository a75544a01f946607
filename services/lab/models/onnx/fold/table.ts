import { elementwiseFolds } from "./elementwise.ts";
import type { Fold } from "./folding.ts";
import { shapeFolds } from "./shapes.ts";

/** Every operator that can be computed at import, by its name in the standard. */
export const folds: ReadonlyMap<string, Fold> = new Map(Object.entries({ ...elementwiseFolds, ...shapeFolds }));

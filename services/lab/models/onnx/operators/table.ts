import type { Operator } from "../mapping.ts";
import { arithmeticOperators } from "./arithmetic.ts";
import { convolutionOperators } from "./convolution.ts";
import { linearOperators } from "./linear.ts";
import { normOperators } from "./norm.ts";
import { poolingOperators } from "./pooling.ts";
import { resizeOperators } from "./resize.ts";
import { shapeOperators } from "./shape.ts";

/** Every operator that may depend on the image, by its name in the standard. */
export const operators: ReadonlyMap<string, Operator> = new Map(Object.entries({
  ...convolutionOperators, ...linearOperators, ...poolingOperators, ...normOperators, ...arithmeticOperators, ...shapeOperators, ...resizeOperators,
}));

import { unsupported } from "../errors.ts";
import type { AxisMap } from "../../../../engine/graph/operations/shape.ts";
import type { Translation, Translations } from "./translation.ts";

/** Shapes and the order of elements. */
export const shapes = {
  flatten: ({ writer, inputs, output }) => { writer.node("Flatten", inputs, {}, output); },
  reshape: ({ writer, inputs, shape, batchAxis, output }) => { writer.node("Reshape", [inputs[0]!, writer.integers(shape.map((side, axis) => (axis === batchAxis ? -1 : side)))], {}, output); },
  transpose: ({ writer, operation: { permutation }, inputs, output }) => { writer.node("Transpose", inputs, { perm: permutation }, output); },
  expand: (translation) => { translation.writer.node("Expand", [translation.inputs[0]!, target(translation)], {}, translation.output); },
  concat: ({ writer, operation: { axis }, inputs, output }) => { writer.node("Concat", inputs, { axis }, output); },
  axisMap: ({ writer, operation: { axis, map }, inputs: [x], inputNodes, output }) => {
    const { shape } = inputNodes[0]!;
    if (isSelection(map)) { writer.node("Gather", [x!, writer.integers(map.indices)], { axis }, output); return; }
    const last = shape.length - 1;
    const swap = shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
    const matrix = writer.floats(denseMatrix(map, shape[axis]!), [shape[axis]!, map.offsets.length - 1]);
    if (axis === last) { writer.node("MatMul", [x!, matrix], {}, output); return; }
    writer.node("Transpose", [writer.node("MatMul", [writer.node("Transpose", [x!], { perm: swap }), matrix])], { perm: swap }, output);
  },
} as const satisfies Translations;

/** The shape to expand to, with the batch size of the run. */
function target({ writer, shape, batchAxis, batch }: Pick<Translation, "writer" | "shape" | "batchAxis" | "batch">): string {
  if (batchAxis < 0) return writer.integers(shape);
  const parts = [writer.integers(shape.slice(0, batchAxis)), batch(), writer.integers(shape.slice(batchAxis + 1))];
  return writer.node("Concat", parts, { axis: 0 });
}

function isSelection({ offsets, weights }: AxisMap): boolean { return weights.every((weight) => weight === 1) && offsets.every((offset, i) => offset === i); }

/** Larger matrices than any resize of an image needs. */
const MAX_ENTRIES = 1 << 24;

/** [size, rows] */
function denseMatrix({ offsets, indices, weights }: AxisMap, size: number): number[] {
  const rows = offsets.length - 1;
  if (size * rows > MAX_ENTRIES) throw unsupported(undefined, `export: expected a resize or pad of at most ${MAX_ENTRIES} entries, got ${size}×${rows}; export to safetensors`);
  const matrix = new Array<number>(size * rows).fill(0);
  for (let row = 0; row < rows; row++) for (let t = offsets[row]!; t < offsets[row + 1]!; t++) matrix[indices[t]! * rows + row]! += weights[t]!;
  return matrix;
}

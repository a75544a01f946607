/** Stored shapes of the operands and the result; see the kernels' product.ts for what `transpose…` and axes of size 1 mean. */
interface Shapes {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly y: readonly number[];
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

/**
 * y[.., i, j] = Σ_l a[.., i, l] · b[.., l, j], operands of size 1 along a leading axis repeated; a leading axis along which y
 * has size 1 and an operand more is summed.
 *
 * @returns y, flat.
 */
export function matMulReference(a: Float64Array, b: Float64Array, shapes: Shapes): Float64Array {
  const rank = Math.max(shapes.a.length, shapes.b.length, shapes.y.length);
  const [sa, sb, sy] = [shapes.a, shapes.b, shapes.y].map((shape) => [...new Array<number>(rank - shape.length).fill(1), ...shape]) as [number[], number[], number[]];
  const [m, n] = sy.slice(-2) as [number, number];
  const k = sa.at(shapes.transposeA ? -2 : -1)!;
  const lead = Array.from({ length: rank - 2 }, (_, axis) => Math.max(sa[axis]!, sb[axis]!));
  const y = new Float64Array(sy.reduce((product, side) => product * side, 1));
  forEachIndex(lead, (index) => {
    const matrix = (shape: readonly number[]): number => index.reduce((flat, at, axis) => flat * shape[axis]! + (shape[axis] === 1 ? 0 : at), 0);
    const [fromA, fromB, to] = [matrix(sa) * m * k, matrix(sb) * k * n, matrix(sy) * m * n];
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) for (let l = 0; l < k; l++) {
      y[to + i * n + j]! += a[fromA + (shapes.transposeA ? l * m + i : i * k + l)]! * b[fromB + (shapes.transposeB ? j * k + l : l * n + j)]!;
    }
  });
  return y;
}

function forEachIndex(sides: readonly number[], visit: (index: readonly number[]) => void, index: readonly number[] = []): void {
  const side = sides[index.length];
  if (side === undefined) { visit(index); return; }
  for (let i = 0; i < side; i++) forEachIndex(sides, visit, [...index, i]);
}

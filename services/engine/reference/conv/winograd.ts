/**
 * The three transforms of Winograd's F(2×2, 3×3) (Lavin & Gray 2016, eq. 8): y = Aᵀ [ Σ_c (G g Gᵀ) ⊙ (Bᵀ d B) ] A, where g is
 * a 3×3 filter, d a 4×4 patch of the input and y the 2×2 outputs that it decides. Matrices row by row.
 */
const BT = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]];
const G = [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]];
const AT = [[1, 1, 1, 0], [0, 1, -1, -1]];

/** @param g [3, 3]. @returns [4, 4]. */
export function winogradWeightReference(g: ArrayLike<number>): number[] { return sandwich(G, g); }

/** @param d [4, 4]. @returns [4, 4]. */
export function winogradInputReference(d: ArrayLike<number>): number[] { return sandwich(BT, d); }

/** @param s [4, 4], summed over channels. @returns [2, 2]. */
export function winogradOutputReference(s: ArrayLike<number>): number[] { return sandwich(AT, s); }

/** M X Mᵀ. */
function sandwich(m: readonly (readonly number[])[], x: ArrayLike<number>): number[] {
  const side = m[0]!.length;
  return m.flatMap((left) => m.map((right) =>
    left.reduce((sum, l, i) => sum + l * right.reduce((inner, r, j) => inner + r * x[i * side + j]!, 0), 0)));
}

/** How the windows of convolutions and poolings lie: the same words for both. */

/** Down and across: [y, x]. */
export type Pair = readonly [number, number];

/** Pixels added to an image: [top, left, bottom, right]. */
export type Sides = readonly [number, number, number, number];

/** Sides of a padded image, strides and dilations are no larger: kernels add two coordinates in an i32. */
export const MOST_PIXELS = 2 ** 28;

/** One number stands for both axes. */
export function pair(value: number | Pair): Pair { return typeof value === "number" ? [value, value] : value; }

/** One number stands for all four sides. */
export function sides(value: number | Sides): Sides { return typeof value === "number" ? [value, value, value, value] : value; }

/** Pixels from the first to the last that a window of `taps`, `dilation` apart, covers. */
export function extent(taps: number, dilation: number): number { return (taps - 1) * dilation + 1; }

/** As one word: the number where all are equal, else "1×2" and "0,1,0,1". */
export function describePair([y, x]: Pair): string { return y === x ? `${y}` : `${y}×${x}`; }
export function describeSides(all: Sides): string { return all.every((side) => side === all[0]) ? `${all[0]}` : all.join(","); }

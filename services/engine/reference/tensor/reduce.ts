import type { ReduceFunction } from "../../graph/operations/broadcast.ts";
import { coordinatesOf, indexOf, tabulate } from "./coordinates.ts";

/** Sum, mean or maximum over axes, which stay as sides of 1. @param x [...shape]. */
export function reduceReference(fn: ReduceFunction, x: Float64Array, shape: readonly number[], axes: readonly number[]): Float64Array {
  const sizes = axes.map((axis) => shape[axis]!);
  const count = sizes.reduce((product, side) => product * side, 1);
  return tabulate(shape.map((side, axis) => (axes.includes(axis) ? 1 : side)), (at) => {
    const values = Array.from({ length: count }, (_, r) => x[indexOf(within(at, axes, coordinatesOf(r, sizes)), shape)]!);
    const sum = values.reduce((total, v) => total + v, 0);
    return fn === "max" ? Math.max(...values) : fn === "mean" ? sum / count : sum;
  });
}

/** The gradient of the maximum goes to the first of the largest. @param dy the reduced shape. @param x [...shape]. */
export function reduceMaxGradReference(dy: Float64Array, x: Float64Array, shape: readonly number[], axes: readonly number[]): Float64Array {
  const kept = shape.map((side, axis) => (axes.includes(axis) ? 1 : side));
  const sizes = axes.map((axis) => shape[axis]!);
  const count = sizes.reduce((product, side) => product * side, 1);
  const dx = new Float64Array(x.length);
  dy.forEach((d, k) => {
    const places = Array.from({ length: count }, (_, r) => indexOf(within(coordinatesOf(k, kept), axes, coordinatesOf(r, sizes)), shape));
    const best = Math.max(...places.map((place) => x[place]!));
    dx[places.find((place) => x[place] === best)!] = d;
  });
  return dx;
}

/** Coordinates of a reduced element, with those of the reduced axes put in. */
function within(at: readonly number[], axes: readonly number[], inner: readonly number[]): number[] {
  return at.map((c, axis) => (axes.includes(axis) ? inner[axes.indexOf(axis)]! : c));
}

import { pad4 } from "../graph/layout.ts";
import { type ConvGeometry, isPointwise } from "../kernels/conv/geometry.ts";
import { convolutionGradInputReference } from "../reference/conv/convolution-grad-input.ts";
import { convolutionGradWeightReference } from "../reference/conv/convolution-grad-weight.ts";
import { convolutionReference } from "../reference/conv/convolution.ts";
import type { Work } from "./work.ts";

/** Physical tensors (graph/layout.ts) of a piece of work: two are its operands, the third is its result. */
export interface HostTensors {
  /** [n, h, w, C], or its gradient */
  readonly x: Float32Array;
  /** [kh·kw, C or c/groups, K], or its gradient */
  readonly w: Float32Array;
  /** [n, oh, ow, K]: y or its gradient */
  readonly y: Float32Array;
}

/** How many of the f64 twin's products one check may take, unless a single channel has more: a tenth of a second. */
const PRODUCTS = 16e6;
const CHANNELS = 8;
const PIXELS = 1024;

/**
 * Compares a result with the f64 twin: whole images, from the first to the last, in a few of the channels, from the first to
 * the last with the padding; of a weight gradient all taps of a few channels, summed over the whole batch.
 *
 * @returns what is wrong, or undefined when every value is within `tolerance`.
 */
export function disagreement({ operation, geometry }: Work, { x, w, y }: HostTensors): string | undefined {
  const g = isPointwise(geometry) ? { ...geometry, n: geometry.n * geometry.h * geometry.w, h: 1, w: 1, oh: 1, ow: 1 } : geometry;
  const { images, c, k } = sampleOf({ operation, geometry: g });
  const small: ConvGeometry = { ...g, n: images.length, c: c.length, k: k.length, groups: 1 };
  const some = {
    x: activations(x, g.h * g.w, pad4(g.c), images, c),
    w: weights(w, g, c, k),
    y: activations(y, g.oh * g.ow, pad4(g.k), images, k),
  };
  switch (operation) {
    case "forward": return compare(some.y, convolutionReference(some.x, some.w, small), c.length * g.kh * g.kw);
    case "grad-input": return compare(some.x, convolutionGradInputReference(some.y, some.w, small), k.length * g.kh * g.kw);
    case "grad-weight": return compare(some.w, convolutionGradWeightReference(some.x, some.y, small), g.n * g.oh * g.ow);
  }
}

/** The law of the kernel tests for a sum of `terms` products of order 1. */
export function tolerance(terms: number): { readonly atol: number; readonly rtol: number } {
  return { atol: 1e-6 * Math.sqrt(terms), rtol: 1e-5 * Math.sqrt(terms) };
}

interface Sample {
  readonly images: readonly number[];
  /** Input and output channels, all of the last group. */
  readonly c: readonly number[];
  readonly k: readonly number[];
}

function sampleOf({ operation, geometry: g }: Work): Sample {
  const pixels = g.oh * g.ow;
  const [c, k] = [channelsOf(g.c, g.groups), channelsOf(g.k, g.groups)];
  const images = spread(range(0, g.n), Math.max(2, Math.ceil(PIXELS / pixels)));
  const affordable = (products: number): number => Math.min(CHANNELS, Math.floor(PRODUCTS / (products * g.kh * g.kw)));
  switch (operation) {
    case "forward": return { images, c, k: spread(k, affordable(images.length * pixels * c.length)) };
    case "grad-input": return { images, c: spread(c, affordable(images.length * pixels * k.length)), k };
    case "grad-weight": {
      const side = Math.floor(Math.sqrt(affordable(g.n * pixels)));
      return { images: range(0, g.n), c: spread(c, side), k: spread(k, side) };
    }
  }
}

/** Channels of the last group; with one group the padding lanes too, whose weights and values are 0. */
function channelsOf(count: number, groups: number): number[] {
  return groups === 1 ? range(0, pad4(count)) : range(count - count / groups, count);
}

function range(from: number, to: number): number[] { return Array.from({ length: to - from }, (_, i) => from + i); }

/** `count` of the items, at least one, evenly from the first to the last. */
function spread(items: readonly number[], count: number): number[] {
  if (items.length <= count) return [...items];
  return count <= 1 ? [items.at(-1)!] : range(0, count).map((i) => items[Math.round((i * (items.length - 1)) / (count - 1))]!);
}

/** → [images, channels, pixels], as the twins take it. */
function activations(physical: Float32Array, pixels: number, lanes: number, images: readonly number[], channels: readonly number[]): Float64Array {
  const logical = new Float64Array(images.length * channels.length * pixels);
  let at = 0;
  for (const image of images) for (const channel of channels) {
    for (let p = 0; p < pixels; p++) logical[at++] = physical[(image * pixels + p) * lanes + channel]!;
  }
  return logical;
}

/** → [k, c, kh·kw] */
function weights(physical: Float32Array, g: ConvGeometry, c: readonly number[], k: readonly number[]): Float64Array {
  const taps = g.kh * g.kw;
  const [rows, first] = g.groups === 1 ? [pad4(g.c), 0] : [g.c / g.groups, g.c - g.c / g.groups];
  const logical = new Float64Array(k.length * c.length * taps);
  let at = 0;
  for (const o of k) for (const i of c) {
    for (let t = 0; t < taps; t++) logical[at++] = physical[(t * rows + i - first) * pad4(g.k) + o]!;
  }
  return logical;
}

function compare(actual: Float64Array, expected: Float64Array, terms: number): string | undefined {
  const { atol, rtol } = tolerance(terms);
  let wrong = 0;
  let worst = { excess: 0, index: 0 };
  for (let i = 0; i < expected.length; i++) {
    const excess = Math.abs(actual[i]! - expected[i]!) / (atol + rtol * Math.abs(expected[i]!));
    if (excess <= 1) continue; // NaN compares false, so it falls through
    wrong++;
    if (!(excess <= worst.excess)) worst = { excess, index: i };
  }
  return wrong === 0 ? undefined : `${wrong} of ${expected.length} values differ from the reference, such as ${actual[worst.index]} for ${expected[worst.index]}`;
}

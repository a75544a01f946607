import { type Clock, systemClock } from "../../common/clock.ts";
import { convForward } from "../kernels/conv/convolution.ts";
import { linearGeometry } from "../kernels/conv/geometry.ts";
import type { Gpu } from "./device.ts";
import { Program, repeat } from "./program.ts";

/** Side of the matrices: big enough to fill every core of a software adapter, small enough that one takes milliseconds there. */
const SIDE = 256;
const FLOP = 2 * SIDE ** 3;
/** A timed batch should last about this long: far longer than a dispatch or the poll's naps, so that both vanish in it. */
const BATCH_MS = 60;
const BATCHES = 3;
/** One command buffer holds at most this many products: a fast GPU needs no more to be told from a slow one. */
const MAX_PRODUCTS = 2000;

/**
 * How fast the adapter multiplies matrices with the engine's own kernel, in GFLOP/s (2·n³ per product): the rate that
 * decides how long training takes, to within a factor. Compiles one kernel and then works for about a quarter of a
 * second. The best of a few batches, because whatever else the machine does can only make it slower.
 */
export async function measureGflops(gpu: Gpu, clock: Clock = systemClock): Promise<number> {
  const scope = gpu.scope("measure");
  try {
    const [x, w, y] = ["x", "w", "y"].map((label) => scope.tensor(label, [SIDE, SIDE]));
    // On f32, whatever else the user asked of a GPU: rates are there to be compared.
    const family = gpu.family.kind === "workgroup" ? { kind: "workgroup" as const } : gpu.family;
    const product = convForward({ family, tuning: gpu.tuning }, linearGeometry(SIDE, SIDE, SIDE), { x: x!, w: w!, y: y! }, { relu: false });
    const timed = async (count: number): Promise<number> => {
      const program = await Program.prepare(gpu, "measure", repeat(count, () => product));
      try {
        const start = clock.monotonic();
        program.run();
        await gpu.idle();
        return clock.monotonic() - start;
      } finally { program.dispose(); }
    };
    await timed(1); // compiles: software adapters do it at the first dispatch
    const count = productsFor(await timed(4) / 4);
    let best = Infinity;
    for (let batch = 0; batch < BATCHES; batch++) best = Math.min(best, await timed(count));
    return gflops(count, best);
  } finally { scope.dispose(); }
}

/** How many products make a batch of BATCH_MS when one takes `ms`. */
export function productsFor(ms: number): number {
  return Math.min(MAX_PRODUCTS, Math.max(1, Math.ceil(BATCH_MS / Math.max(ms, 1e-3))));
}

/** GFLOP/s of `count` products in `ms`. A clock too coarse to see them gives the rate of its smallest plausible step. */
export function gflops(count: number, ms: number): number { return (count * FLOP) / (Math.max(ms, 1e-3) * 1e6); }

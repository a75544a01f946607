import { type InequalityMeasure, measureName } from "../../../schema/jobs/attribution.ts";
import { AppError } from "../../common/errors.ts";
import type { Readback } from "../../engine/gpu/device.ts";
import type { Step } from "../../engine/gpu/kernel.ts";
import type { Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { blockCells, blockSums } from "../../engine/kernels/inequality/block-sums.ts";
import { GINI_UNDEFINED, giniRows } from "../../engine/kernels/inequality/gini-rows.ts";
import { signRule } from "../../engine/kernels/inequality/sign-rule.ts";
import { ROW_CHECK, rowCheck } from "../../engine/kernels/reduce/row-check.ts";
import { sortRows } from "../../engine/kernels/reduce/sort-rows.ts";
import { type InputShape, subPixels } from "../data/dataset.ts";
import type { Session } from "../session.ts";

/** What one measure says about a batch of maps. */
export interface MeasuredBatch {
  readonly measure: InequalityMeasure;
  /** [count] Gini indices. */
  readonly gini: Float32Array;
  /** The values that the index was taken of, ascending, image by image: what a Lorenz curve is drawn from. */
  sorted(image: number): Float32Array;
}

interface Tail { readonly measure: InequalityMeasure; readonly gini: Tensor; readonly sorted: Tensor; readonly cells: number }

/**
 * Measures how unequal attribution maps are, on the device: sign rule or block sums, exact sort, equation (4) of Duan et
 * al. 2023. Which rule was applied is part of every result: a Gini index of |a| and one of max(a, 0) are not comparable.
 */
export class GiniMeter {
  private constructor(private readonly session: Session, private readonly tails: readonly Tail[], private readonly program: Program, private readonly readback: Readback) {}

  /**
   * @param map [batch, m] f32 on the device, signed; read by every `measure`.
   * @throws AppError INVALID_INPUT when a block is larger than the image.
   */
  static async prepare(session: Session, map: Tensor, inputShape: InputShape, batch: number, measures: readonly InequalityMeasure[]): Promise<GiniMeter> {
    const { scope } = session;
    const facts = scope.tensor("facts", [batch, ROW_CHECK.width]);
    const steps: Step[] = [rowCheck(map, map, facts, { n: batch, m: subPixels(inputShape) })];
    const tails = measures.map((measure) => {
      const { values, cells, made } = nonNegative(session, map, inputShape, batch, measure);
      const sorted = scope.tensor(`sorted ${measureName(measure)}`, [batch, cells]);
      const gini = scope.tensor(`gini ${measureName(measure)}`, [batch]);
      steps.push(...made, ...sortRows(values, sorted, { n: batch, m: cells }), giniRows(sorted, gini, { n: batch, m: cells }));
      return { measure, gini, sorted, cells };
    });
    const program = await session.prepare("inequality", steps);
    return new GiniMeter(session, tails, program, session.readback([facts, ...tails.flatMap(({ gini, sorted }) => [gini, sorted])]));
  }

  /**
   * Measures the first `count` maps.
   * @throws AppError VALUE_RANGE when one of them is not finite, or a sum over it overflows.
   */
  async measure(count: number): Promise<MeasuredBatch[]> {
    this.session.check();
    this.program.run();
    const [facts, ...results] = (await this.readback.read()) as [Float32Array, ...Float32Array[]];
    // The maps themselves are looked at, not only their indices: a maximum with 0 turns a NaN into a 0 that looks measured.
    for (let i = 0; i < count; i++) if (facts[i * ROW_CHECK.width + ROW_CHECK.nonFinite] !== 0) throw notFinite(i);
    return this.tails.map(({ measure, cells }, k) => {
      const [gini, sorted] = [results[2 * k]!.slice(0, count), results[2 * k + 1]!];
      const undefinedAt = gini.indexOf(GINI_UNDEFINED);
      if (undefinedAt >= 0) throw notFinite(undefinedAt);
      return { measure, gini, sorted: (image) => sorted.subarray(image * cells, (image + 1) * cells) };
    });
  }
}

function notFinite(i: number): AppError {
  return new AppError("VALUE_RANGE", `inequality: expected finite maps, map ${i} of the batch is not; the network's gradients overflow`);
}

/** The non-negative values whose Gini index the measure is: [batch, cells]. */
function nonNegative({ scope }: Session, map: Tensor, inputShape: InputShape, n: number, measure: InequalityMeasure): { values: Tensor; cells: number; made: Step[] } {
  const [c, h, w] = inputShape;
  const m = subPixels(inputShape);
  const signed = (mode: "absolute" | "positive"): { values: Tensor; cells: number; made: Step[] } => {
    const values = scope.tensor(mode, [n, m]);
    return { values, cells: m, made: [signRule(map, values, { n: n * m, mode })] };
  };
  if (measure.scope === "global") return signed(measure.sign);
  if (measure.mode === "legacy-nopool") return signed("positive"); // what the released code computed: no blocks at all
  const { block, mode } = measure;
  if (block > Math.max(h, w)) throw new AppError("INVALID_INPUT", `measures: expected a block of at most ${Math.max(h, w)} pixels, got ${block}`, { field: "measures.block", block });
  const cells = blockCells({ c, h, w, block, mode });
  const values = scope.tensor(`regions ${mode}`, [n, cells]);
  return { values, cells, made: [blockSums(map, values, { n, c, h, w, block, mode })] };
}

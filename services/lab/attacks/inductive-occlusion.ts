import type { InductiveOcclusionConfig } from "../../../schema/jobs/attack.ts";
import { AppError } from "../../common/errors.ts";
import type { Readback } from "../../engine/gpu/device.ts";
import { Dynamic, type Step } from "../../engine/gpu/kernel.ts";
import { copy, type Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { occlude } from "../../engine/kernels/attack/occlude.ts";
import { ROW_CHECK, rowCheck } from "../../engine/kernels/reduce/row-check.ts";
import type { Network } from "../models/network.ts";
import { type PredictionPass, predictionPass } from "../models/predictor.ts";
import { part } from "../part.ts";
import type { Session } from "../session.ts";
import { requireKept } from "./check.ts";
import type { Guide } from "./guide.ts";
import { type AttackedBatch, type AttackRecipe, type ImageBatch, occlusionVariant, type VariantResult } from "./variant.ts";

/**
 * Inductive occlusion, algorithm 1 of Duan et al. 2023: squares [y−r, y+r) × [x−r, x+r) of one colour around the n pixels
 * with the highest channel-mean signed attribution, n = 1…N (outer), r = 1…R (inner), each from the clean image. An image
 * is fooled when any (n, r) changes its class; the first one is reported. The control puts the squares on random pixels.
 *
 * Differs  the algorithm stops at the first success; here the whole grid runs, N·R passes in one command buffer, because
 *          asking the host after each costs more. Rate and first (n, r) are the same.
 */
export class InductiveOcclusion implements AttackRecipe {
  private constructor(
    private readonly session: Session, private readonly config: InductiveOcclusionConfig, private readonly guide: Guide,
    private readonly tensors: OcclusionTensors, private readonly colour: Dynamic,
    private readonly programs: Readonly<Record<"inductive" | "random", Program>>, private readonly readback: Readback,
    private readonly paint: Program, private readonly painted: Readback,
  ) {}

  /** @param guide whose last `load` was of the batch that is attacked. @throws AppError INVALID_INPUT when N exceeds the pixels or R the image. */
  static async prepare(session: Session, network: Network, config: InductiveOcclusionConfig, guide: Guide): Promise<InductiveOcclusion> {
    const { scope } = session;
    const { maxCount, maxRadius } = config;
    const [c, h, w] = network.inputShape;
    if (maxCount > h * w || maxRadius > Math.max(h, w)) throw new AppError("INVALID_INPUT", `inductive occlusion: expected at most ${h * w} centres and radius ${Math.max(h, w)}, got ${maxCount} and ${maxRadius}`, { field: "attack.inductiveOcclusion" });
    const n = guide.batch;
    const words = (label: string, value: (i: number) => number): Tensor => {
      const tensor = scope.tensor(label, [n], "u32");
      session.gpu.write(tensor, Uint32Array.from({ length: n }, (_, i) => value(i)));
      return tensor;
    };
    const tensors: OcclusionTensors = {
      pass: await predictionPass(session, network, n),
      rows: words("rows", (i) => i), count: words("count", () => 0), radius: words("radius", () => 0),
      constants: Array.from({ length: Math.max(maxCount, maxRadius) + 1 }, (_, value) => words(`constant ${value}`, () => value)),
      predictions: scope.tensor("predictions", [maxCount * maxRadius, n], "u32"), facts: scope.tensor("facts", [maxCount * maxRadius, n, ROW_CHECK.width]), fact: scope.tensor("fact", [n, ROW_CHECK.width]),
      geometry: { rows: n, images: n, c, h, w, maxCentres: h * w },
    };
    const colour = new Dynamic("colour");
    const programs = {
      inductive: await session.prepare("occlusion", gridSteps(config, guide, tensors, "inductive", colour)),
      random: await session.prepare("random occlusion", gridSteps(config, guide, tensors, "random", colour)),
    };
    const paint = await session.prepare("occlusion example", [occlusion(guide, tensors, "inductive", tensors, colour)]);
    return new InductiveOcclusion(session, config, guide, tensors, colour, programs, session.readback([tensors.predictions, tensors.facts]), paint, session.readback([tensors.pass.image]));
  }

  async attack({ x, labels, ids }: ImageBatch, examples: boolean): Promise<AttackedBatch> {
    const { colours, maxCount, maxRadius } = this.config;
    const results: VariantResult[] = [];
    for (const placement of ["inductive", "random"] as const) {
      for (const colour of colours) {
        this.session.check();
        this.programs[placement].run(new Map([[this.colour, colour]]));
        const [predictions, facts] = (await this.readback.read()) as [Uint32Array, Float32Array];
        const n = this.guide.batch;
        for (let v = 0; v < maxCount * maxRadius; v++) requireKept("inductive occlusion", facts.subarray(v * n * ROW_CHECK.width), labels.length, ids, {});
        results.push({ variant: occlusionVariant(placement, colour, maxCount, maxRadius), ...firstSuccess(predictions, labels, n, this.config), draws: 1 });
      }
    }
    return { results, examples: examples ? await this.#examples(results[0]!, x.length) : null };
  }

  /** The images of the first colour at the (n, r) that fooled them first, or at the largest where none did. */
  async #examples({ detail }: VariantResult, length: number): Promise<Float32Array> {
    const { gpu } = this.session;
    gpu.write(this.tensors.count, Uint32Array.from(detail!, ({ n }) => n || this.config.maxCount));
    gpu.write(this.tensors.radius, Uint32Array.from(detail!, ({ r }) => r || this.config.maxRadius));
    this.paint.run(new Map([[this.colour, this.config.colours[0]!]]));
    const [images] = (await this.painted.read()) as [Float32Array];
    return images.slice(0, length);
  }
}

interface OcclusionTensors {
  readonly pass: PredictionPass;
  /** [batch] u32: 0, 1, 2, … */
  readonly rows: Tensor;
  /** [batch] u32: what each example paints. */
  readonly count: Tensor;
  readonly radius: Tensor;
  /** [batch] u32 each: constants[v] holds v everywhere. */
  readonly constants: readonly Tensor[];
  readonly predictions: Tensor;
  readonly facts: Tensor;
  readonly fact: Tensor;
  readonly geometry: { readonly rows: number; readonly images: number; readonly c: number; readonly h: number; readonly w: number; readonly maxCentres: number };
}

/** Paints the guide's images into the input of the network. */
function occlusion(guide: Guide, { rows, pass, geometry }: OcclusionTensors, placement: "inductive" | "random", { count, radius }: { count: Tensor; radius: Tensor }, colour: Dynamic): Step {
  return occlude(guide.image, guide.centres[placement], { sourceRow: rows, count, radius }, pass.image, { ...geometry, colour });
}

/** One forward pass of the batch for each (n, r), n outer, r inner. */
function gridSteps({ maxCount, maxRadius }: InductiveOcclusionConfig, guide: Guide, tensors: OcclusionTensors, placement: "inductive" | "random", colour: Dynamic): Step[] {
  const { pass, constants, predictions, facts, fact, geometry: { c, h, w } } = tensors;
  const n = guide.batch;
  const steps: Step[] = [...pass.prologue];
  for (let count = 1, v = 0; count <= maxCount; count++) {
    for (let radius = 1; radius <= maxRadius; radius++, v++) {
      steps.push(
        occlusion(guide, tensors, placement, { count: constants[count]!, radius: constants[radius]! }, colour),
        ...pass.body, rowCheck(pass.image, guide.image, fact, { n, m: c * h * w }),
        copy(pass.prediction, part(predictions, v * n, n)), copy(fact, part(facts, v * n * ROW_CHECK.width, n * ROW_CHECK.width)),
      );
    }
  }
  return steps;
}

/** @param predictions [N·R, batch], n outer, r inner. `detail` holds the first (n, r) that fooled each image, (0, 0) for none. */
export function firstSuccess(predictions: Uint32Array, labels: Uint32Array, batch: number, { maxCount, maxRadius }: Pick<InductiveOcclusionConfig, "maxCount" | "maxRadius">): Pick<VariantResult, "success" | "prediction"> & { detail: { n: number; r: number }[] } {
  const grid = maxCount * maxRadius;
  const first = Array.from(labels, (label, i) => {
    for (let v = 0; v < grid; v++) if (predictions[v * batch + i] !== label) return v;
    return -1;
  });
  return {
    success: Float64Array.from(first, (v) => Number(v >= 0)),
    prediction: Uint32Array.from(first, (v, i) => predictions[(v < 0 ? grid - 1 : v) * batch + i]!),
    detail: first.map((v) => (v < 0 ? { n: 0, r: 0 } : { n: Math.floor(v / maxRadius) + 1, r: (v % maxRadius) + 1 })),
  };
}

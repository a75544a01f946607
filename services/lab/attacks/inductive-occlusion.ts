import type { InductiveOcclusionConfig } from "../../../schema/jobs/attack.ts";
import { AppError } from "../../common/errors.ts";
import type { Readback } from "../../engine/gpu/device.ts";
import { Dynamic, type Step } from "../../engine/gpu/kernel.ts";
import type { Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { occlude } from "../../engine/kernels/attack/occlude.ts";
import { ROW_CHECK } from "../../engine/kernels/reduce/row-check.ts";
import { inTurn } from "../in-turn.ts";
import { evenly, launchRows } from "../launch-rows.ts";
import type { Network } from "../models/network.ts";
import { predictionPass } from "../models/predictor.ts";
import { part } from "../part.ts";
import type { Session } from "../session.ts";
import { requireKept } from "./check.ts";
import type { Guide } from "./guide.ts";
import { judgeRows, type PerturbedRows, perturbedRows } from "./perturbed-rows.ts";
import { type AttackedBatch, type AttackRecipe, type ImageBatch, occlusionVariant, type VariantResult } from "./variant.ts";

/**
 * Inductive occlusion, algorithm 1 of Duan et al. 2023: squares [y−r, y+r) × [x−r, x+r) of one colour around the n pixels
 * with the highest channel-mean signed attribution, n = 1…N (outer), r = 1…R (inner), each from the clean image. An image
 * is fooled when any (n, r) changes its class; the first one is reported. The control puts the squares on random pixels.
 *
 * Differs  the algorithm stops at the first success; here the whole grid runs, N·R passes in one command buffer and several
 *          of them side by side in one launch, because asking the host after each costs more. Rate and first (n, r) are
 *          the same.
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
    const cells = maxCount * maxRadius;
    const slots = evenly(cells, Math.max(1, Math.floor((await launchRows(session, network, "forward")) / n)));
    const pass = await predictionPass(session, network, slots * n);
    const words = (label: string, count: number, value: (i: number) => number): Tensor => {
      const tensor = scope.tensor(label, [count], "u32");
      session.gpu.write(tensor, Uint32Array.from({ length: count }, (_, i) => value(i)));
      return tensor;
    };
    const inLaunch = (first: number): number => Math.min(slots, cells - first);
    const tensors: OcclusionTensors = {
      ...perturbedRows(session, pass, cells * n),
      rows: words("rows", slots * n, (row) => row % n), example: { count: words("count", n, () => 0), radius: words("radius", n, () => 0) },
      launches: Array.from({ length: Math.ceil(cells / slots) }, (_, l) => {
        const [first, rows] = [l * slots, inLaunch(l * slots) * n];
        const cell = (row: number): number => first + Math.floor(row / n);
        return { first: first * n, rows, count: words("count", rows, (row) => Math.floor(cell(row) / maxRadius) + 1), radius: words("radius", rows, (row) => (cell(row) % maxRadius) + 1) };
      }),
      geometry: { images: n, c, h, w, maxCentres: h * w },
    };
    const colour = new Dynamic("colour");
    const programs = {
      inductive: await session.prepare("occlusion", gridSteps(guide, tensors, "inductive", colour)),
      random: await session.prepare("random occlusion", gridSteps(guide, tensors, "random", colour)),
    };
    const paint = await session.prepare("occlusion example", [occlusion(guide, tensors, "inductive", { rows: n, ...tensors.example }, colour)]);
    return new InductiveOcclusion(session, config, guide, tensors, colour, programs, session.readback([tensors.predictions, tensors.facts]), paint, session.readback([part(pass.image, 0, n * c * h * w)]));
  }

  async attack({ x, labels, ids }: ImageBatch, examples: boolean): Promise<AttackedBatch> {
    const { colours, maxCount, maxRadius } = this.config;
    const { batch } = this.guide;
    const results: VariantResult[] = [];
    const variants = (["inductive", "random"] as const).flatMap((placement) => colours.map((colour) => ({ placement, colour })));
    const submit = ({ placement, colour }: (typeof variants)[number]): void => {
      this.session.check();
      this.programs[placement].run(new Map([[this.colour, colour]]));
    };
    await inTurn(variants, submit, () => this.readback.read(), (found, { placement, colour }) => {
      const [predictions, facts] = found as [Uint32Array, Float32Array];
      for (let v = 0; v < maxCount * maxRadius; v++) requireKept("inductive occlusion", facts.subarray(v * batch * ROW_CHECK.width), labels.length, ids, {});
      results.push({ variant: occlusionVariant(placement, colour, maxCount, maxRadius), ...firstSuccess(predictions, labels, batch, this.config), draws: 1 });
    });
    return { results, examples: examples ? await this.#examples(results[0]!, x.length) : null };
  }

  /** The images of the first colour at the (n, r) that fooled them first, or at the largest where none did. */
  async #examples({ detail }: VariantResult, length: number): Promise<Float32Array> {
    const { gpu } = this.session;
    gpu.write(this.tensors.example.count, Uint32Array.from(detail!, ({ n }) => n || this.config.maxCount));
    gpu.write(this.tensors.example.radius, Uint32Array.from(detail!, ({ r }) => r || this.config.maxRadius));
    this.paint.run(new Map([[this.colour, this.config.colours[0]!]]));
    const [images] = (await this.painted.read()) as [Float32Array];
    return images.slice(0, length);
  }
}

/** What each row of a launch paints: u32 each. */
interface Painting { readonly rows: number; readonly count: Tensor; readonly radius: Tensor }

interface OcclusionTensors extends PerturbedRows {
  /** [rows of a launch] u32: 0, 1, …, batch − 1, 0, 1, … */
  readonly rows: Tensor;
  /** [batch] each: what each example paints. */
  readonly example: Omit<Painting, "rows">;
  /** The grid, n outer, r inner, cut into launches; `first` counts rows over all of them. */
  readonly launches: readonly (Painting & { readonly first: number })[];
  readonly geometry: { readonly images: number; readonly c: number; readonly h: number; readonly w: number; readonly maxCentres: number };
}

/** Paints the guide's images into the input of the network. */
function occlusion(guide: Guide, { rows: sourceRow, pass, geometry }: OcclusionTensors, placement: "inductive" | "random", { rows, count, radius }: Painting, colour: Dynamic): Step {
  return occlude(guide.image, guide.centres[placement], { sourceRow, count, radius }, pass.image, { ...geometry, rows, colour });
}

/** Every (n, r) of every image. */
function gridSteps(guide: Guide, tensors: OcclusionTensors, placement: "inductive" | "random", colour: Dynamic): Step[] {
  return [...tensors.pass.prologue, ...tensors.launches.flatMap((launch) => [occlusion(guide, tensors, placement, launch, colour), ...judgeRows(tensors, launch.first, launch.rows)])];
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

import type { InductiveNoiseConfig } from "../../../schema/jobs/attack.ts";
import { AppError } from "../../common/errors.ts";
import { seedWords } from "../../common/rng.ts";
import type { Readback } from "../../engine/gpu/device.ts";
import { Dynamic, type Step } from "../../engine/gpu/kernel.ts";
import { copy, type Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { inductiveNoise } from "../../engine/kernels/attack/inductive-noise.ts";
import { fillNormal } from "../../engine/kernels/random/fill-normal.ts";
import { fillUniform } from "../../engine/kernels/random/fill-uniform.ts";
import { ROW_CHECK } from "../../engine/kernels/reduce/row-check.ts";
import { subPixels } from "../data/dataset.ts";
import { inTurn } from "../in-turn.ts";
import { evenly, launchRows } from "../launch-rows.ts";
import type { Network } from "../models/network.ts";
import { predictionPass } from "../models/predictor.ts";
import { part } from "../part.ts";
import type { Session } from "../session.ts";
import { STREAM } from "../streams.ts";
import { requireKept } from "./check.ts";
import type { Guide } from "./guide.ts";
import { judgeRows, type PerturbedRows, perturbedRows } from "./perturbed-rows.ts";
import { type AttackedBatch, type AttackRecipe, type ImageBatch, noiseVariant, type Variant, type VariantResult } from "./variant.ts";

/**
 * Inductive noise, equation (5) of Duan et al. 2023: noise σ on exactly the k sub-pixels with the highest signed
 * attribution, M = 1 there,
 *
 *   type I  x' = clip_[0,1](x + M∘σ)      type II  x' = clip_[0,1]((1 − M)∘x + M∘σ)
 *
 * and, as control, on k random ones with the same σ. σ is standard normal, or uniform in [0, 1). All k of one draw are one
 * command buffer, several of them side by side in one launch.
 *
 * Differs  the paper's released code draws σ uniform from the range of each (normalised) image, and cuts to that range.
 */
export class InductiveNoise implements AttackRecipe {
  private constructor(
    private readonly session: Session, private readonly config: InductiveNoiseConfig, private readonly guide: Guide,
    private readonly variants: readonly Variant[], private readonly program: Program, private readonly draw: Dynamic,
    private readonly readback: Readback, private readonly withExamples: Readback,
  ) {}

  /** @param guide whose last `load` was of the batch that is attacked. @throws AppError INVALID_INPUT when a k exceeds the image. */
  static async prepare(session: Session, network: Network, config: InductiveNoiseConfig, guide: Guide, seed: bigint): Promise<InductiveNoise> {
    const { scope } = session;
    const { batch } = guide;
    const m = subPixels(network.inputShape);
    const large = config.k.find((k) => k > m);
    if (large !== undefined) throw new AppError("INVALID_INPUT", `inductive noise: expected k of at most ${m} sub-pixels, got ${large}`, { field: "attack.inductiveNoise.k", k: large, m });
    const variants = (["inductive", "random"] as const).flatMap((placement) => config.k.map((k) => noiseVariant(placement, k)));
    const slots = evenly(variants.length, Math.max(1, Math.floor((await launchRows(session, network, "forward")) / batch)));
    const pass = await predictionPass(session, network, slots * batch);
    const image = (label: string): Tensor => scope.tensor(label, [batch, m]);
    const tensors: NoiseTensors = {
      m, batch, slots, noise: image("noise"), disturbed: image("disturbed"), example: image("example"), ...perturbedRows(session, pass, variants.length * batch),
    };
    const draw = new Dynamic("noise draw");
    const program = await session.prepare(`noise ${config.type}`, noiseSteps(config, guide, variants, tensors, draw, seed));
    const results = [tensors.predictions, tensors.facts];
    return new InductiveNoise(session, config, guide, variants, program, draw, session.readback(results), session.readback([...results, tensors.example]));
  }

  async attack({ x, labels, ids }: ImageBatch, examples: boolean): Promise<AttackedBatch> {
    const { batch } = this.guide;
    const { draws, type } = this.config;
    const results = this.variants.map((variant): VariantResult => ({ variant, success: new Float64Array(labels.length), prediction: new Uint32Array(labels.length), draws }));
    let example: Float32Array | null = null;
    const submit = (d: number): void => {
      this.session.check();
      this.program.run(new Map([[this.draw, d]]));
    };
    const readback = examples ? this.withExamples : this.readback;
    await inTurn(Array.from({ length: draws }, (_, d) => d), submit, () => readback.read(), (found, d) => {
      const [predictions, facts, first] = found as [Uint32Array, Float32Array, Float32Array?];
      results.forEach(({ success, prediction }, v) => {
        requireKept(`inductive noise ${type}`, facts.subarray(v * batch * ROW_CHECK.width), labels.length, ids, {});
        prediction.set(predictions.subarray(v * batch, v * batch + labels.length));
        labels.forEach((label, i) => { success[i]! += Number(prediction[i] !== label) / draws; });
      });
      if (d === 0 && first) example = first.slice(0, x.length);
    });
    return { results, examples: example };
  }
}

interface NoiseTensors extends PerturbedRows {
  readonly m: number;
  readonly batch: number;
  /** Variants of one launch; variant s of it has rows [s·batch, (s+1)·batch). */
  readonly slots: number;
  readonly noise: Tensor;
  /** One variant's images, on their way to their rows: a binding must be aligned, a copy need not. */
  readonly disturbed: Tensor;
  /** The perturbed images of the largest k with inductive places. */
  readonly example: Tensor;
}

function noiseSteps({ type, law, k: ks }: InductiveNoiseConfig, guide: Guide, variants: readonly Variant[], tensors: NoiseTensors, draw: Dynamic, seed: bigint): Step[] {
  const { pass, noise, disturbed, example, slots, m, batch: n } = tensors;
  const [seedLow, seedHigh] = seedWords(seed);
  const key = { n, m, seedLow, seedHigh, draw, stream: STREAM.noise };
  const largest = ks.indexOf(Math.max(...ks)); // inductive places come first
  const steps: Step[] = [...pass.prologue, law === "gaussian" ? fillNormal(guide.ids, noise, key) : fillUniform(guide.ids, noise, { ...key, low: 0, high: 1 })];
  for (let first = 0; first < variants.length; first += slots) {
    const some = variants.slice(first, first + slots);
    for (const [slot, { placement, k }] of some.entries()) {
      const rank = placement === "random" ? guide.rank.random : guide.rank.inductive;
      steps.push(inductiveNoise(guide.image, rank, noise, disturbed, { n, m, k: k!, type: type === "I" ? 1 : 2 }), copy(disturbed, part(pass.image, slot * n * m, n * m)));
      if (first + slot === largest) steps.push(copy(disturbed, example));
    }
    steps.push(...judgeRows(tensors, first * n, some.length * n));
  }
  return steps;
}

import type { AttributionConfig } from "../../../schema/jobs/attribution.ts";
import { seedWords } from "../../common/rng.ts";
import type { Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { channelMean } from "../../engine/kernels/attribution/channel-mean.ts";
import { fillBits } from "../../engine/kernels/random/fill-bits.ts";
import { rankRows } from "../../engine/kernels/reduce/rank-rows.ts";
import { Attributor } from "../attributions/attributor.ts";
import { subPixels } from "../data/dataset.ts";
import type { Network } from "../models/network.ts";
import type { Session } from "../session.ts";
import { STREAM } from "../streams.ts";
import type { ImageBatch } from "./variant.ts";

/** Where to disturb: by the map, and at random as its control. */
export interface Places {
  readonly inductive: Tensor;
  readonly random: Tensor;
}

/**
 * The maps of a batch of images and what the inductive attacks take from them, on the device: the rank of every sub-pixel
 * (noise) and the order of the pixels (centres of occlusion), each with a random one beside it.
 *
 * Rankings are of SIGNED values, largest first, ties by the lower index; pixels by the mean over channels.
 */
export class Guide {
  private constructor(
    private readonly session: Session,
    readonly batch: number,
    readonly attributor: Attributor,
    /** [batch, m] f32, the images of the last `load`. */
    readonly image: Tensor,
    /** [batch] u32 */
    readonly ids: Tensor,
    /** [batch, m] u32: rank of each sub-pixel. */
    readonly rank: Places,
    /** [batch, h·w] u32: pixel at each place. */
    readonly centres: Places,
    private readonly program: Program,
  ) {}

  /** Kept for the session, so that all attacks of an audit share it. @param seed of the random places. */
  static prepare(session: Session, network: Network, attribution: AttributionConfig, batch: number, seed: bigint): Promise<Guide> {
    return session.cached(network, `guide ${batch} ${seed} ${JSON.stringify(attribution)}`, async () => {
      const { scope } = session;
      const attributor = await Attributor.prepare(session, network, attribution, batch);
      const [c, h, w] = network.inputShape;
      const m = subPixels(network.inputShape);
      const p = h * w;
      const words = (label: string, width: number): Tensor => scope.tensor(label, [batch, width], "u32");
      const ids = scope.tensor("ids", [batch], "u32");
      const mean = scope.tensor("channel mean", [batch, p]);
      const [subKeys, pixelKeys, order, pixelRank] = [words("keys", m), words("pixel keys", p), words("order", m), words("pixel rank", p)] as const;
      const rank = { inductive: words("rank", m), random: words("random rank", m) };
      const centres = { inductive: words("centres", p), random: words("random centres", p) };
      const [randomBits, randomPixelBits] = [words("bits", m), words("pixel bits", p)];
      const [seedLow, seedHigh] = seedWords(seed);
      const key = { n: batch, seedLow, seedHigh, draw: 0 };
      const oneChannel = c === 1; // then sub-pixels are pixels, and one sort serves both
      const program = await session.prepare("rank", [
        ...rankRows(attributor.map, rank.inductive, oneChannel ? centres.inductive : order, subKeys, { n: batch, m }),
        ...(oneChannel ? [] : [channelMean(attributor.map, mean, { n: batch, c, p }), ...rankRows(mean, pixelRank, centres.inductive, pixelKeys, { n: batch, m: p })]),
        fillBits(ids, randomBits, { ...key, m, stream: STREAM.randomSubPixels }),
        ...rankRows(randomBits, rank.random, order, subKeys, { n: batch, m }),
        fillBits(ids, randomPixelBits, { ...key, m: p, stream: STREAM.randomPixels }),
        ...rankRows(randomPixelBits, pixelRank, centres.random, pixelKeys, { n: batch, m: p }),
      ]);
      return new Guide(session, batch, attributor, scope.tensor("clean", [batch, m]), ids, rank, centres, program);
    });
  }

  /** Attributes the images and ranks. @returns completeness gaps, see Attributor. */
  async load(images: ImageBatch): Promise<{ gap: Float64Array | null }> {
    const attributed = await this.attributor.attribute(images.x, images.labels);
    this.#rank(images);
    return attributed;
  }

  /** Ranks maps that were made elsewhere, by another model or another tool. @param maps [count, m] f32, signed. */
  loadMaps(images: ImageBatch, maps: Float32Array): void {
    this.session.gpu.write(this.attributor.map, maps);
    this.#rank(images);
  }

  #rank({ x, ids }: ImageBatch): void {
    this.session.check();
    this.session.gpu.write(this.image, x);
    this.session.gpu.write(this.ids, ids);
    this.program.run();
  }
}

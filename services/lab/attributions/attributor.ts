import type { AttributionConfig } from "../../../schema/jobs/attribution.ts";
import { AppError } from "../../common/errors.ts";
import { EngineError } from "../../engine/errors.ts";
import type { Step } from "../../engine/gpu/kernel.ts";
import { clear, copy, type Program } from "../../engine/gpu/program.ts";
import type { Tensor } from "../../engine/gpu/tensor.ts";
import { pathAccumulate } from "../../engine/kernels/attribution/path-accumulate.ts";
import { pathFinish } from "../../engine/kernels/attribution/path-finish.ts";
import { pathPoint } from "../../engine/kernels/attribution/path-point.ts";
import { rowSum } from "../../engine/kernels/attribution/row-sum.ts";
import { subPixels } from "../data/dataset.ts";
import { inTurn } from "../in-turn.ts";
import { evenly, launchRows } from "../launch-rows.ts";
import type { Network } from "../models/network.ts";
import { part } from "../part.ts";
import type { Session } from "../session.ts";
import { baselineImage } from "./baseline.ts";
import { type LogitPass, logitPass } from "./input-gradient.ts";
import { layOutPath, type PathLayout, pathPoints } from "./path-layout.ts";

/** Images whose path integrals are summed side by side, at least: fewer would leave the last launch of a group half empty. */
const PATH_GROUP = 16;

/**
 * Attributes the label's logit to sub-pixels, in batches that stay on the device.
 *
 * Maps are signed, per sub-pixel, with respect to [0, 1] pixels:
 *   saliency              aᵢ = ∂f_y/∂xᵢ                                        (Simonyan et al. 2014, signed)
 *   input × gradient      aᵢ = xᵢ · ∂f_y/∂xᵢ                                   (Shrikumar et al. 2016)
 *   integrated gradients  aᵢ = (xᵢ − bᵢ) · ∫₀¹ ∂f_y/∂xᵢ(b + α(x − b)) dα       (Sundararajan et al. 2017)
 *
 * The points of several images' paths are the rows of a launch, as many as suit the adapter (launch-rows.ts): one image's
 * 50 steps are one launch, where they fit. A map's bits depend on image, weights and config alone.
 */
export class Attributor {
  private constructor(
    private readonly session: Session,
    readonly batch: number,
    /** [batch, m] f32: the maps of the last call, on the device. */
    readonly map: Tensor,
    private readonly recipe: Recipe,
    /** One per group: copies the group's maps to their rows of `map`. */
    private readonly keep: readonly Program[],
  ) {}

  /** @param batch images per call, at most; prepared for more than come, launches stay half empty. Kept for the session. */
  static prepare(session: Session, network: Network, config: AttributionConfig, batch: number): Promise<Attributor> {
    return session.cached(network, `attributor ${batch} ${JSON.stringify(config)}`, async () => {
      const recipe = await RECIPES[config.method](session, network, config, batch);
      const { group } = recipe;
      const m = subPixels(network.inputShape);
      const map = session.scope.tensor("maps", [batch, m]);
      const keep: Program[] = [];
      for (let first = 0; first < batch; first += group) {
        const count = Math.min(group, batch - first) * m;
        keep.push(await session.prepare("keep maps", [copy(part(recipe.map, 0, count), part(map, first * m, count))]));
      }
      return new Attributor(session, batch, map, recipe, keep);
    });
  }

  /**
   * Fills `map` with the maps of up to `batch` images; rows beyond them are unspecified.
   *
   * @param x [count, m] f32 in [0, 1].
   * @param labels [count] u32.
   * @returns gap [count] |Σa − (f_y(x) − f_y(baseline))|, how far a path integral is from complete; null for other methods.
   * @throws EngineError SHAPE_MISMATCH for more images than a batch; AppError VALUE_RANGE when a map is not finite.
   */
  async attribute(x: Float32Array, labels: Uint32Array): Promise<{ gap: Float64Array | null }> {
    const { length } = labels;
    if (length > this.batch) throw new EngineError("SHAPE_MISMATCH", `attributor: expected at most ${this.batch} images, got ${length}`);
    const { group, run, read, hasGap } = this.recipe;
    const m = x.length / length;
    const gap = new Float64Array(length);
    const submit = ({ first, last }: Group): void => {
      this.session.check();
      run(x.subarray(first * m, last * m), labels.subarray(first, last));
      this.keep[first / group]!.run();
    };
    await inTurn(groupsOf(length, group), submit, ({ first, last }) => read(last - first), (missing, { first }) => gap.set(missing, first));
    return { gap: hasGap ? gap : null };
  }
}

/** Images [first, last) of a call. */
interface Group { readonly first: number; readonly last: number }

function* groupsOf(length: number, group: number): Generator<Group> {
  for (let first = 0; first < length; first += group) yield { first, last: Math.min(first + group, length) };
}

/** How one method fills a group of maps. */
interface Recipe {
  /** Images that one run attributes at most. */
  readonly group: number;
  /** [group, m] */
  readonly map: Tensor;
  /** Submits all that it takes; does not wait. */
  readonly run: (x: Float32Array, labels: Uint32Array) => void;
  /** What the sums of the first `count` maps of the last run miss. @throws AppError VALUE_RANGE unless they are finite. */
  readonly read: (count: number) => Promise<Float64Array>;
  /** Whether a map's sum has something to miss: only a path integral's. */
  readonly hasGap: boolean;
}

const RECIPES: Readonly<Record<AttributionConfig["method"], typeof pathRecipe>> = { saliency: gradientRecipe, "input-x-gradient": gradientRecipe, "integrated-gradients": pathRecipe };

async function gradientRecipe(session: Session, network: Network, config: AttributionConfig, batch: number): Promise<Recipe> {
  const { gpu, scope } = session;
  const n = evenly(batch, await launchRows(session, network, "gradient"));
  const pass = await logitPass(session, network, n);
  const m = subPixels(network.inputShape);
  const steps = [...pass.prologue, ...pass.body];
  let map = pass.gradient;
  if (config.method === "input-x-gradient") {
    map = scope.tensor("input × gradient", [n, m]);
    steps.push(pathFinish(pass.gradient, pass.image, scope.tensor("zero", [n, m]), map, { n, m }));
  }
  const total = scope.tensor("row sums", [n]);
  const readback = session.readback([total]);
  const program = await session.prepare(config.method, [...steps, rowSum(map, total, { n, m })]);
  return {
    group: n, map, hasGap: false,
    run(x, labels) {
      gpu.write(pass.image, x);
      gpu.write(pass.labels, labels);
      program.run();
    },
    async read(count) {
      const [sums] = (await readback.read()) as [Float32Array];
      return finite(Float64Array.from(sums.subarray(0, count)));
    },
  };
}

async function pathRecipe(session: Session, network: Network, config: AttributionConfig, batch: number): Promise<Recipe> {
  const { gpu, scope } = session;
  const most = await launchRows(session, network, "gradient");
  const points = pathPoints(config.rule, config.steps);
  const group = evenly(batch, Math.max(PATH_GROUP, Math.floor(most / points)));
  const rows = evenly(group * points, most);
  const pass = await logitPass(session, network, rows);
  const m = subPixels(network.inputShape);
  const layout = layOutPath(config.rule, config.steps, group, rows);
  const [x, baseline, sum, map] = ["x", "baseline", "sum", "map"].map((label) => scope.tensor(label, [group, m])) as [Tensor, Tensor, Tensor, Tensor];
  const total = scope.tensor("row sums", [group]);
  const values = scope.tensor("path values", [layout.launches.length, rows]);
  const rowLabels = scope.tensor("path labels", [layout.launches.length, rows], "u32");
  const image = baselineImage(config, network);
  for (let i = 0; i < group; i++) gpu.write(part(baseline, i * m, m), image);
  const begin = await session.prepare("path: begin", [...pass.prologue, clear(sum)]);
  const body = await session.prepare("path: gradient", pass.body);
  const launches: { before: Program; after: Program }[] = [];
  for (const [i, launch] of layout.launches.entries()) {
    const { before, after } = aroundGradient(session, pass, launch, { x, baseline, sum, m, group }, part(rowLabels, i * rows, rows), part(values, i * rows, rows));
    launches.push({ before: await session.prepare("path: points", before), after: await session.prepare("path: sum", after) });
  }
  const end = await session.prepare("path: end", [pathFinish(sum, x, baseline, map, { n: group, m }), rowSum(map, total, { n: group, m })]);
  const readback = session.readback([values, total]);
  return {
    group, map, hasGap: true,
    run(images, labels) {
      gpu.write(x, images);
      gpu.write(rowLabels, Uint32Array.from(layout.imageOfRow, (i) => labels[Math.min(i, labels.length - 1)]!));
      begin.run();
      // Rows lie image by image, so fewer images than a group need only the first launches.
      for (const { before, after } of launches.slice(0, Math.ceil((layout.endRow[labels.length - 1]! + 1) / rows))) {
        before.run();
        body.run();
        after.run();
      }
      end.run();
    },
    async read(count) {
      const [ends, sums] = (await readback.read()) as [Float32Array, Float32Array];
      const { startRow, endRow } = layout;
      return finite(Float64Array.from({ length: count }, (_, i) => Math.abs(sums[i]! - (ends[endRow[i]!]! - ends[startRow[i]!]!))));
    },
  };
}

interface PathTensors { readonly x: Tensor; readonly baseline: Tensor; readonly sum: Tensor; readonly m: number; readonly group: number }

/** What one launch does before and after the gradient, which all launches share. */
function aroundGradient({ gpu, scope }: Session, pass: LogitPass, launch: PathLayout["launches"][number], { x, baseline, sum, m, group }: PathTensors, labels: Tensor, values: Tensor): Record<"before" | "after", Step[]> {
  const n = pass.batch;
  const upload = (label: string, data: Uint32Array | Float32Array): Tensor => {
    const tensor = scope.tensor(label, [data.length], data instanceof Uint32Array ? "u32" : "f32");
    gpu.write(tensor, data);
    return tensor;
  };
  const ranges = { firstRow: upload("first rows", launch.firstRow), rowCount: upload("row counts", launch.rowCount) };
  return {
    before: [pathPoint(x, baseline, upload("source rows", launch.sourceRow), upload("alphas", launch.alpha), pass.image, { n, m, images: group }), copy(labels, pass.labels)],
    after: [pathAccumulate(pass.gradient, upload("weights", launch.weight), ranges, sum, { n: group, m, rows: n }), copy(pass.value, values)],
  };
}

/** A sum is finite only if all its terms are. */
function finite(sums: Float64Array): Float64Array {
  if (!sums.every(Number.isFinite)) throw new AppError("VALUE_RANGE", "attribution: expected finite logits and gradients, got others; the network's weights may be too large");
  return sums;
}

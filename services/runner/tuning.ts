import { join } from "node:path";

import type { TuningMode } from "../common/config.ts";
import type { AdapterInfo, Gpu } from "../engine/gpu/device.ts";
import type { Graph } from "../engine/graph/graph.ts";
import { benchOf, tune, type TuneOptions, type Tuner } from "../engine/tune/tune.ts";
import { Choices, type Verdict } from "../engine/tune/verdict.ts";
import { workOf } from "../engine/tune/work.ts";
import { dawnVersion } from "./environment.ts";
import { shadersHash, TuningCache } from "./tuning-cache.ts";

export interface TuningSettings {
  readonly mode: TuningMode;
  /** Verdicts lie in tuning/ below it. */
  readonly cacheDir: string;
}

/** The defaults for software adapters were measured on them, and trying variants costs seconds of compilation there. */
export function isTuningOn(mode: TuningMode, { software }: Pick<AdapterInfo, "software">): boolean {
  return mode === "on" || (mode === "auto" && !software);
}

export function tuningCacheOf(adapter: AdapterInfo, cacheDir: string): TuningCache {
  return new TuningCache(join(cacheDir, "tuning"), { adapter, dawn: dawnVersion(), shaders: shadersHash() });
}

/** Decides which kernels a device uses: by the cache's verdicts and new ones where tuning is on, by the defaults where it is off. */
export class DeviceTuning implements Tuner {
  readonly choices: Choices;
  readonly #verdicts: Map<string, Verdict>;
  /** None when tuning is off. */
  readonly #cache: TuningCache | undefined;

  constructor(readonly gpu: Gpu, { mode, cacheDir }: TuningSettings) {
    this.#cache = isTuningOn(mode, gpu.adapter) ? tuningCacheOf(gpu.adapter, cacheDir) : undefined;
    this.#verdicts = this.#cache?.load() ?? new Map<string, Verdict>();
    this.choices = new Choices(this.#verdicts);
    gpu.tuning = this.choices;
  }

  /** Stores each verdict at once: an aborted run has not tuned in vain. */
  async tune(graph: Graph, { training, signal, onProgress = () => undefined }: TuneOptions & { readonly training: boolean }): Promise<void> {
    const cache = this.#cache;
    if (!cache) return;
    await tune(benchOf(this.gpu), workOf(graph, { training }), this.#verdicts, {
      ...(signal && { signal }),
      onProgress: (done, total) => {
        if (done > 0) for (const [shape, verdict] of cache.add(this.#verdicts)) this.#verdicts.set(shape, verdict);
        onProgress(done, total);
      },
    });
  }
}

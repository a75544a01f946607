import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Clock } from "../../services/common/clock.ts";
import { childEnvironment } from "../../services/common/config.ts";
import { AppError } from "../../services/common/errors.ts";
import { scriptArguments } from "./script.ts";
import { type Summary, summarise } from "./statistics.ts";

/** From the start of a process to the end of the small CNN's first training step, in ms. */
export interface FirstResult {
  /** With the driver's and Lorenz's caches empty: every kernel is compiled, every choice made. */
  readonly cold: Summary;
  /** With what the cold process left behind. */
  readonly warm: Summary;
}

export interface FirstResultEffort { readonly cold: number; readonly warm: number }

/** Each cold process has caches of its own, which the warm ones after it find. */
export async function timeFirstResult({ cold, warm }: FirstResultEffort, clock: Clock): Promise<FirstResult> {
  const [coldMs, warmMs]: [number[], number[]] = [[], []];
  for (let i = 0; i < cold; i++) {
    const folder = mkdtempSync(join(tmpdir(), "lorenz-cold-"));
    try {
      coldMs.push(await firstStepMs(folder, clock));
      while (warmMs.length < Math.ceil(((i + 1) * warm) / cold)) warmMs.push(await firstStepMs(folder, clock));
    } finally { rmSync(folder, { recursive: true, force: true }); }
  }
  return { cold: summarise(coldMs), warm: summarise(warmMs) };
}

/** @param caches folder for what Mesa and Lorenz keep between processes. */
function firstStepMs(caches: string, clock: Clock): Promise<number> {
  const start = clock.monotonic();
  const child = spawn(process.execPath, scriptArguments(import.meta.url, "first-step"), {
    env: childEnvironment({ MESA_SHADER_CACHE_DIR: join(caches, "mesa"), LORENZ_CACHE_DIR: join(caches, "lorenz"), LORENZ_LOG_LEVEL: "error" }),
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((resolve, reject) => {
    let ms: number | undefined;
    child.stdout.once("data", () => { ms = clock.monotonic() - start; });
    child.once("error", reject);
    child.once("close", (code) => { // not before: the driver writes its cache as it ends
      if (ms !== undefined) resolve(ms);
      else reject(new AppError("RUNNER_DIED", `first-step: expected a training step, the process ended with ${code}; its messages are above`));
    });
  });
}

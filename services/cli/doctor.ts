/** `npm run doctor`: what Lorenz finds on this machine, and how to make it faster. Exit code 1 when it cannot run. */
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { systemClock } from "../common/clock.ts";
import { type Config, loadConfig, redacted } from "../common/config.ts";
import { AppError } from "../common/errors.ts";
import { findRoot } from "../common/paths.ts";
import { adviceFor, lavapipeCommand } from "../engine/gpu/advice.ts";
import { type AdapterInfo, Gpu } from "../engine/gpu/device.ts";
import { measureGflops } from "../engine/gpu/measure.ts";
import { isTuningOn, tuningCacheOf } from "../runner/tuning.ts";

/** What the report says of the adapter. */
export interface AdapterFacts {
  readonly info: AdapterInfo;
  /** Smallest and largest size, when the adapter has subgroups. */
  readonly subgroups?: readonly [number, number];
  readonly limits: Readonly<Record<string, number>>;
  readonly openMs: number;
  readonly gflops: number;
  /** Where verdicts about the adapter's kernels lie, and about how many shapes there are some. */
  readonly tuning: { readonly on: boolean; readonly path: string; readonly shapes: number };
}

/** Everything the report says, found out before. An AppError stands where finding out failed. */
export interface Facts {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly config: Config;
  readonly dataDirProblem: string | undefined;
  readonly adapter: AdapterFacts | AppError;
  /** How to get something faster; with no adapter at all: something that works. */
  readonly advice: string | undefined;
}

/** The printed lines; the product runs here if `ok`. */
export function report({ version, node, platform, config, dataDirProblem, adapter, advice }: Facts): { ok: boolean; lines: string[] } {
  const lines = [
    line("Lorenz", `${version}, Node ${node}, ${platform}`),
    ...(adapter instanceof AppError ? [line("Adapter", `NONE. ${adapter.message}`)] : adapterLines(adapter, config)),
    line("Database", config.databaseUrl === undefined ? "embedded, in the data directory (DATABASE_URL is not set)" : `PostgreSQL: ${redacted(config).databaseUrl} (from DATABASE_URL, not contacted)`),
    line("Data", `${config.dataDir} ${dataDirProblem === undefined ? "(can be written)" : `CANNOT BE USED: ${dataDirProblem}; set LORENZ_DATA to a folder you can write`}`),
  ];
  if (advice !== undefined) lines.push(line(adapter instanceof AppError ? "Install" : "Faster", advice));
  const ok = !(adapter instanceof AppError) && dataDirProblem === undefined;
  if (!ok) lines.push("", "Lorenz cannot run here yet: see the lines in capitals.");
  return { ok, lines };
}

function adapterLines({ info, subgroups, limits, openMs, gflops, tuning }: AdapterFacts, config: Config): string[] {
  return [
    line("Adapter", `${info.kind}: ${info.description || info.vendor}${info.software ? " (software)" : ""}, opened in ${openMs.toFixed(0)} ms`),
    line("Kernels", `${info.family}; ${subgroups === undefined ? "no subgroups" : subgroups[0] === subgroups[1] ? `subgroups of ${subgroups[0]}` : `subgroups of ${subgroups[0]} to ${subgroups[1]}`}`),
    line("Limits", Object.entries(limits).map(([name, value]) => `${name} ${value}`).join(", ")),
    line("Speed", `${gflops.toPrecision(3)} GFLOP/s (f32 matrix product)`),
    line("Tuning", `${tuning.on ? "on" : "off: the default kernels"} (LORENZ_TUNING is ${config.tuning}); ${tuning.shapes} shapes tuned in ${tuning.path}`),
  ];
}

function line(name: string, value: string): string { return `${name.padEnd(9)} ${value}`; }

const LIMITS = ["maxBufferSize", "maxStorageBufferBindingSize", "maxComputeWorkgroupStorageSize", "maxComputeInvocationsPerWorkgroup"] as const;

async function askAdapter({ tuning, cacheDir }: Config): Promise<AdapterFacts | AppError> {
  const start = systemClock.monotonic();
  let gpu: Gpu | undefined;
  try {
    gpu = await Gpu.open();
    const openMs = systemClock.monotonic() - start;
    const { limits } = gpu;
    const cache = tuningCacheOf(gpu.adapter, cacheDir);
    const { subgroupMinSize: min, subgroupMaxSize: max } = gpu.device.adapterInfo as GPUAdapterInfo & { subgroupMinSize?: number; subgroupMaxSize?: number };
    return {
      info: gpu.adapter, openMs, gflops: await measureGflops(gpu), tuning: { on: isTuningOn(tuning, gpu.adapter), path: cache.path, shapes: cache.load().size },
      limits: Object.fromEntries(LIMITS.map((name) => [name, limits[name]])),
      ...(gpu.device.features.has("subgroups") && min && max && { subgroups: [min, max] as const }),
    };
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  } finally {
    gpu?.close();
  }
}

/** Why `folder` cannot be written, or created where it does not exist yet; undefined when it can. */
export function whyNotWritable(folder: string): string | undefined {
  if (!existsSync(folder)) return whyNotWritable(dirname(folder));
  if (!statSync(folder).isDirectory()) return `${folder} is not a folder`;
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (cause) {
    return (cause as Error).message;
  }
}

/** Installing lavapipe helps where it would be taken; the error itself says what to do about LORENZ_ADAPTER. */
function remedyFor({ adapter }: Config): string | undefined {
  return adapter === undefined || adapter === "lavapipe" ? lavapipeCommand() : undefined;
}

async function main(): Promise<void> {
  const config = loadConfig();
  const adapter = await askAdapter(config);
  const { version } = JSON.parse(readFileSync(join(findRoot(), "package.json"), "utf8")) as { version: string };
  const { ok, lines } = report({
    version, node: process.version, platform: `${process.platform} ${process.arch}`, config, adapter,
    dataDirProblem: whyNotWritable(config.dataDir), advice: adapter instanceof AppError ? remedyFor(config) : adviceFor(adapter.info),
  });
  console.log(lines.join("\n"));
  process.exitCode = ok ? 0 : 1;
}

if (fileURLToPath(import.meta.url) === realpathSync(process.argv[1] ?? ".")) {
  await main().catch((error: unknown) => {
    console.error(error instanceof AppError ? `${error.code}: ${error.message}` : error);
    process.exitCode = 1;
  });
}

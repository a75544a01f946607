import { homedir, tmpdir } from "node:os";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { z } from "zod";

import { AppError } from "./errors.ts";

/** The only reader of the environment. What is not set falls back to a default that works on a bare machine. */
export interface Config {
  /** Database, blobs and lock of the embedded server; absolute. */
  readonly dataDir: string;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Lets the gateway bind to an address that other machines reach; there is no authentication yet. */
  readonly allowRemote: boolean;
  /** A PostgreSQL URL; absent: the embedded database in dataDir. Carries a password: print `redacted(config)`. */
  readonly databaseUrl?: string;
  readonly logLevel: LogLevel;
  /** Takes this adapter or none; absent: the best one found (engine/gpu/adapter.ts). */
  readonly adapter?: AdapterPreference;
  /** How products on a GPU store the weights and activations they multiply; sums are f32 in any case. */
  readonly precision: Precision;
  /** Forward products on a GPU use its matrix units (an experimental feature of Dawn). */
  readonly subgroupMatrix: boolean;
  /** Whether the fastest kernels are found by trying; "auto": on a real GPU, since a software adapter's defaults were. */
  readonly tuning: TuningMode;
  /** For what can be made again at any time; absolute. */
  readonly cacheDir: string;
  /** Largest file that PUT /blobs takes. */
  readonly maxUploadBytes: number;
  /** Absolute folders whose files requests may name; runner and gateway must both see them. */
  readonly importRoots: readonly string[];
  /** GraphQL limits per operation, for HTTP and WebSocket alike. */
  readonly maxDepth: number;
  readonly maxAliases: number;
  readonly maxTokens: number;
}

export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const ADAPTER_PREFERENCES = ["gpu", "lavapipe", "swiftshader"] as const;
export type AdapterPreference = (typeof ADAPTER_PREFERENCES)[number];
export const PRECISIONS = ["f32", "f16"] as const;
export type Precision = (typeof PRECISIONS)[number];
export const TUNING_MODES = ["on", "off", "auto"] as const;
export type TuningMode = (typeof TUNING_MODES)[number];
export type Environment = Readonly<Record<string, string | undefined>>;

const flag = ["0 or 1", z.enum(["0", "1"]).transform((text) => text === "1")] as const;
const integer = (low: number, high: number) =>
  z.string().regex(/^\d+$/).transform(Number).refine((n) => n >= low && n <= high);

/** By variable: what it must be, in words for the error message, and the parser. */
const VARIABLES = {
  LORENZ_DATA: ["a path", z.string()],
  LORENZ_HOST: ["a host name or address", z.string().regex(/^[^\s/]+$/)],
  LORENZ_PORT: ["a port, 0 to 65535", integer(0, 65535)],
  LORENZ_ALLOW_REMOTE: flag,
  PORT: ["a port, 0 to 65535", integer(0, 65535)],
  DATABASE_URL: ["a URL that starts with postgres:// or postgresql://", z.string().regex(/^postgres(ql)?:\/\//)],
  LORENZ_LOG_LEVEL: [`one of ${LOG_LEVELS.join(", ")}`, z.enum(LOG_LEVELS)],
  LORENZ_ADAPTER: [`one of ${ADAPTER_PREFERENCES.join(", ")}`, z.enum(ADAPTER_PREFERENCES)],
  LORENZ_PRECISION: [`one of ${PRECISIONS.join(", ")}`, z.enum(PRECISIONS)],
  LORENZ_SUBGROUP_MATRIX: flag,
  LORENZ_TUNING: [`one of ${TUNING_MODES.join(", ")}`, z.enum(TUNING_MODES)],
  LORENZ_MAX_UPLOAD_BYTES: ["an integer from 1 to 1099511627776 (1 TiB)", integer(1, 2 ** 40)],
  LORENZ_IMPORT_ROOTS: [`absolute folders, separated by "${delimiter}"`, z.string().transform((text) => text.split(delimiter)).refine((roots) => roots.every(isAbsolute))],
  LORENZ_MAX_DEPTH: ["an integer from 1 to 100", integer(1, 100)],
  LORENZ_MAX_ALIASES: ["an integer from 0 to 1000", integer(0, 1000)],
  LORENZ_MAX_TOKENS: ["an integer from 10 to 100000", integer(10, 100_000)],
} as const;

type Name = keyof typeof VARIABLES;
type Parsed = { [N in Name]?: z.output<(typeof VARIABLES)[N][1]> };

/**
 * Reads and checks everything at once. An empty variable counts as not set.
 *
 * @throws AppError CONFIG_INVALID naming each wrong variable, what it must be and what it is.
 */
export function loadConfig(env: Environment = process.env): Config {
  const parsed = parse(env);
  return {
    dataDir: resolve(parsed.LORENZ_DATA ?? "data"),
    host: parsed.LORENZ_HOST ?? "127.0.0.1",
    port: parsed.LORENZ_PORT ?? parsed.PORT ?? 4000,
    allowRemote: parsed.LORENZ_ALLOW_REMOTE ?? false,
    ...(parsed.DATABASE_URL !== undefined && { databaseUrl: parsed.DATABASE_URL }),
    // Node's test runner sets NODE_TEST_CONTEXT in the processes it starts: what a test provokes on purpose is no news.
    logLevel: parsed.LORENZ_LOG_LEVEL ?? (env.NODE_TEST_CONTEXT ? "silent" : "info"),
    ...(parsed.LORENZ_ADAPTER !== undefined && { adapter: parsed.LORENZ_ADAPTER }),
    precision: parsed.LORENZ_PRECISION ?? "f32",
    subgroupMatrix: parsed.LORENZ_SUBGROUP_MATRIX ?? false,
    tuning: parsed.LORENZ_TUNING ?? "auto",
    cacheDir: join(cacheHome(env), "lorenz"),
    maxUploadBytes: parsed.LORENZ_MAX_UPLOAD_BYTES ?? 4 * 2 ** 30,
    importRoots: parsed.LORENZ_IMPORT_ROOTS ?? [],
    maxDepth: parsed.LORENZ_MAX_DEPTH ?? 12,
    maxAliases: parsed.LORENZ_MAX_ALIASES ?? 30,
    maxTokens: parsed.LORENZ_MAX_TOKENS ?? 2000,
  };
}

/** The environment for a process that this one starts: its own, and `more`. */
export function childEnvironment(more: Environment): NodeJS.ProcessEnv { return { ...process.env, ...more }; }

/** Fit for a log line or a screen: the URL's password is replaced. */
export function redacted(config: Config): Config {
  return config.databaseUrl === undefined ? config : { ...config, databaseUrl: withoutPassword(config.databaseUrl) };
}

function parse(env: Environment): Parsed {
  const parsed: Record<string, unknown> = {};
  const wrong: { variable: string; expected: string; got: string }[] = [];
  for (const [variable, [expected, schema]] of Object.entries(VARIABLES)) {
    const value = env[variable];
    if (value === undefined || value === "") continue;
    const result = schema.safeParse(value);
    if (result.success) parsed[variable] = result.data;
    else wrong.push({ variable, expected, got: variable === "DATABASE_URL" ? withoutPassword(value) : value });
  }
  if (wrong.length > 0) {
    throw new AppError("CONFIG_INVALID", wrong.map(({ variable, expected, got }) => `${variable}: expected ${expected}, got ${JSON.stringify(got)}`).join("; "), { wrong });
  }
  return parsed as Parsed;
}

/** By text, not by URL: PostgreSQL's own URLs may lack a host, which the URL standard refuses. Hides rather too much than too little. */
function withoutPassword(url: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return "(hidden)"; // it may be a bare password
  return url.replace(/^([^:]+:\/\/[^:@/?]*:).*@/, "$1***@").replace(/([?&][^=&]*pass[^=&]*=)[^&]*/gi, "$1***");
}

/** The XDG base directory specification's cache home; a relative value there must be ignored. */
function cacheHome(env: Environment): string {
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return env.XDG_CACHE_HOME;
  try {
    return join(env.HOME || homedir(), ".cache");
  } catch {
    return tmpdir(); // a user id without an account, as in some containers
  }
}

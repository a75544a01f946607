import { createHash } from "node:crypto";

import type { RunConfig } from "../../schema/jobs/run-config.ts";

/** JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) =>
    v !== null && typeof v === "object" && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1))) : v);
}

export function sha256Of(text: string): string { return createHash("sha256").update(text).digest("hex"); }

/** What an idempotency key stands for. `seed` as asked: null when the caller left the choice to us. */
export function requestHash(config: RunConfig, seed: string | null): string { return sha256Of(canonicalJson({ config, seed })); }

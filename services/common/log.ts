import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from "pino";

import { loadConfig } from "./config.ts";

export type { Logger };

let root: Logger | undefined;

/** The process's logger for one part of Lorenz ("agent", "gpu"); its level comes from the configuration at the first call. */
export function logger(part: string): Logger {
  root ??= createLogger(loadConfig().logLevel);
  return root.child({ part });
}

/**
 * One JSON object a line. Goes to stderr, because stdout belongs to what a command prints; written synchronously, so
 * that the last line before a crash is there.
 */
export function createLogger(level: string, stream: DestinationStream = destination({ fd: 2, sync: true })): Logger {
  return pino({
    level,
    base: { pid: process.pid },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: ["databaseUrl", "*.databaseUrl", "authorization", "*.authorization", "*.headers.authorization", "*.headers.cookie"],
  }, stream);
}

import { entryOf } from "../../schema/errors.ts";
import { AppError } from "../common/errors.ts";

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly details: Record<string, unknown>;
  /** Whether the device must not be used again. */
  readonly endsDevice: boolean;
}

/** Any thrown value as what crosses IPC. What nobody raised on purpose is INTERNAL and carries its stack. */
export function failureOf(error: unknown): Failure {
  if (error instanceof AppError) return { code: error.code, message: error.message, details: jsonSafe(error.details), endsDevice: entryOf(error.code).endsDevice ?? false };
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  return { code: "INTERNAL", message, details: jsonSafe({ stack }), endsDevice: false };
}

/** Details are JSON by convention; what slipped in and is not becomes text rather than a failure to report the failure. */
function jsonSafe(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  try {
    return JSON.parse(JSON.stringify(details, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value))) as Record<string, unknown>;
  } catch {
    return { text: String(details) };
  }
}

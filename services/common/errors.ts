/**
 * The base of every error that Lorenz raises on purpose. What a code means (who caused it, whether a retry can help) is
 * in the catalogue schema/errors.ts; `message` says where, what was expected, what came and what to do.
 */
export class AppError extends Error {
  override readonly name: string = "AppError";
  constructor(
    readonly code: string,
    message: string,
    /** Machine-readable facts behind the message; JSON-safe, no tensors, no secrets. */
    readonly details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** States what must be true if our own code is right; a failure is a bug and is never shown to a client as theirs. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AppError("INVARIANT", `invariant broken: ${message}`);
}

/** Ends an exhaustive switch; a value reaching it at run time is a bug. */
export function assertNever(value: never): never {
  throw new AppError("INVARIANT", `unexpected value ${JSON.stringify(value)}`);
}

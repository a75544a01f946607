import { AppError } from "../common/errors.ts";

/** Failures the engine can name. Codes are stable: they are stored with a run and shown to clients. */
export type EngineErrorCode =
  | "SHAPE_MISMATCH" // a tensor or attribute does not fit the operator
  | "VALUE_RANGE" // a number is outside the range the operator is defined for
  | "SHADER_INVALID" // WGSL did not compile; message carries file:line:column
  | "NO_ADAPTER" // Dawn found nothing to run on
  | "DEVICE_LOST" // the driver or device went away
  | "OUT_OF_MEMORY" // an allocation exceeded the adapter's limits or memory
  | "WEIGHTS_CORRUPT" // stored parameters do not fit the network, or are not finite
  | "GPU_FAULT"; // Dawn reported a validation or internal error during a run

export class EngineError extends AppError {
  override readonly name = "EngineError";
  constructor(
    override readonly code: EngineErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(code, message, details, options);
  }
}

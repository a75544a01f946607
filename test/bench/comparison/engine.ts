import { AppError } from "../../../services/common/errors.ts";

/** Something that does the cases of the comparison: Lorenz, or a peer in a process of its own. What it cannot do it says why. */
export interface Engine {
  readonly name: string;
  /** Name, version and where it runs. */
  readonly title: string;
  /** @returns ms that `count` units of the case took in all. @throws AppError INVALID_INPUT with the engine's own words when it cannot. */
  time(name: string, count: number): Promise<number>;
  /** One unit's result in PyTorch's shape; must be asked for before any timing. @throws as `time`. */
  output(name: string): Promise<Float32Array>;
  end(): Promise<void>;
}

export function cannot(engine: string, name: string, why: string): AppError {
  return new AppError("INVALID_INPUT", why, { engine, case: name });
}

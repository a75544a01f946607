import { type Readback, Scope } from "../../engine/gpu/device.ts";
import { copy, type Program } from "../../engine/gpu/program.ts";
import { OFFSET_ALIGNMENT, roundUp, type Tensor } from "../../engine/gpu/tensor.ts";
import type { Session } from "../session.ts";

/** Steps whose losses are read together. Also bounds how far the host runs ahead of the device: at most twice as many. */
const SLOTS = 4;

interface Half { readonly copies: readonly Program[]; readonly readback: Readback; filled: number; pending: Promise<readonly Float32Array[]> | undefined }

/**
 * Collects the losses of step after step without making the device wait: while one half of the ring is read, the steps
 * after it fill the other.
 */
export class LossRing {
  #current = 0;
  private constructor(readonly batch: number, readonly halves: readonly [Half, Half]) {}

  /** @param loss [batch] f32, overwritten by every step. */
  static async prepare(session: Session, loss: Tensor): Promise<LossRing> {
    const batch = loss.shape[0]!;
    const stride = roundUp(batch, OFFSET_ALIGNMENT / 4);
    const half = async (label: string): Promise<Half> => {
      const ring = session.scope.tensor(`losses ${label}`, [SLOTS, stride]);
      const slots = Array.from({ length: SLOTS }, (_, i) => Scope.slice(ring, `loss ${label}${i}`, i * stride, [batch]));
      const copies = await Promise.all(slots.map((slot) => session.prepare("keep loss", [copy(loss, slot)])));
      return { copies, readback: session.readback(slots), filled: 0, pending: undefined };
    };
    return new LossRing(batch, [await half("a"), await half("b")]);
  }

  /**
   * Call after each submitted step.
   * @returns mean losses of earlier steps that have arrived since, oldest first; usually none.
   */
  async record(): Promise<number[]> {
    const half = this.halves[this.#current]!;
    half.copies[half.filled++]!.run();
    if (half.filled < SLOTS) return [];
    half.pending = start(half.readback);
    this.#current = 1 - this.#current;
    return this.#collect(this.halves[this.#current]!);
  }

  /** Waits for all that was recorded. @returns the mean losses not yet returned, oldest first. */
  async flush(): Promise<number[]> {
    const current = this.halves[this.#current]!;
    const older = await this.#collect(this.halves[1 - this.#current]!);
    if (current.filled > 0) current.pending = start(current.readback);
    return [...older, ...(await this.#collect(current))];
  }

  async #collect(half: Half): Promise<number[]> {
    if (!half.pending) return [];
    const losses = await half.pending;
    const means = losses.slice(0, half.filled).map((values) => values.reduce((sum, v) => sum + v, 0) / this.batch);
    half.pending = undefined;
    half.filled = 0;
    return means;
  }
}

/** A rejection is reported where the result is awaited, which may be some steps later. */
function start(readback: Readback): Promise<readonly Float32Array[]> {
  const pending = readback.read() as Promise<Float32Array[]>;
  pending.catch(() => undefined);
  return pending;
}

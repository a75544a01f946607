import { EngineError } from "../../errors.ts";
import { requirePositive } from "../../gpu/tensor.ts";
import { pad4 } from "../../graph/layout.ts";
import type { Planes } from "../../graph/physical.ts";

/** @throws EngineError SHAPE_MISMATCH unless n, c and s are positive and all elements, padding among them, can be counted in a u32. */
export function requirePlanes(kernel: string, { n, c, s }: Planes): void {
  requirePositive(kernel, { n, c, s });
  if (n * s * pad4(c) <= 0xffff_ffff) return;
  throw new EngineError("SHAPE_MISMATCH", `${kernel}: expected fewer than 2^32 elements, got ${n} · ${s} · ${pad4(c)}; use a smaller batch`, { kernel, n, c, s });
}

import type { Gpu } from "../../services/engine/gpu/device.ts";
import type { Step } from "../../services/engine/gpu/kernel.ts";
import { ProgramCase } from "./program-case.ts";

/** An operator and how much it does: floating-point operations where arithmetic limits it, bytes where memory does. */
export class OperatorCase extends ProgramCase {
  constructor(gpu: Gpu, name: string, steps: readonly Step[], readonly unit: "GFLOP/s" | "GB/s", readonly work: number) { super(gpu, name, steps); }
}

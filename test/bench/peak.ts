import type { Gpu, Scope } from "../../services/engine/gpu/device.ts";
import type { Dispatch, KernelSpec } from "../../services/engine/gpu/kernel.ts";
import { copy } from "../../services/engine/gpu/program.ts";
import type { Tensor } from "../../services/engine/gpu/tensor.ts";
import { OperatorCase } from "./operator-case.ts";

/**
 * How many chains an invocation has in flight: as many as keep both arithmetic units of a core busy while each waits for
 * the one before it, and as fit into its 16 vector registers beside the loop's own values. With 12 lavapipe spills.
 */
const CHAINS = 10;
/** Steps per turn of the loop, so that the loop itself is lost beside them. */
const UNROLL = 64;

/** Lies beside the benchmark, not under shaders/: it is no part of the product. */
export const multiplyAddSpec: KernelSpec = {
  name: "../test/bench/multiply-add", lib: ["lib/grid"],
  params: { n: "u32", rounds: "u32", factor: "f32", addend: "f32" },
  reads: [], writes: ["y"], constants: { WG: 64 }, template: { CHAINS, UNROLL },
};

export interface MultiplyAddOptions { readonly n: number; readonly rounds: number; readonly factor: number; readonly addend: number }

/** @param y [n] f32, output. */
export function multiplyAdd(y: Tensor, options: MultiplyAddOptions): Dispatch {
  return { kind: "dispatch", spec: multiplyAddSpec, params: { ...options }, buffers: [y], workgroups: Math.ceil(options.n / multiplyAddSpec.constants["WG"]!) };
}

/** What the kernel computes, in f64. */
export function multiplyAddReference({ n, rounds, factor, addend }: MultiplyAddOptions): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let p = 0; p < CHAINS; p++) {
      let x = ((i % 61) + p) / 64;
      for (let step = 0; step < rounds * UNROLL; step++) x = x * factor + addend;
      sum += x;
    }
    return sum;
  });
}

export function multiplyAddFlop({ n, rounds }: Pick<MultiplyAddOptions, "n" | "rounds">): number { return 2 * n * rounds * UNROLL * CHAINS; }

/** Enough invocations for any adapter, enough rounds that a launch costs nothing beside them. */
const PEAK: MultiplyAddOptions = { n: 16_384, rounds: 64, factor: 0.5, addend: 0.25 };
const COPIED_BYTES = 2 ** 26;

/** What all other operators are measured by: arithmetic without memory, and memory without arithmetic. */
export interface PeakCases { readonly arithmetic: OperatorCase; readonly memory: OperatorCase }

export function peakCases(gpu: Gpu, scope: Scope): PeakCases {
  const [from, to] = ["from", "to"].map((label) => scope.tensor(label, [COPIED_BYTES / 4])) as [Tensor, Tensor];
  return {
    arithmetic: new OperatorCase(gpu, "peak: multiply-adds in registers", [multiplyAdd(scope.tensor("y", [PEAK.n]), PEAK)], "GFLOP/s", multiplyAddFlop(PEAK)),
    memory: new OperatorCase(gpu, "peak: copy of 64 MiB", [copy(from, to)], "GB/s", 2 * COPIED_BYTES),
  };
}

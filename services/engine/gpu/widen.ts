import type { KernelFamily } from "./device.ts";
import type { Dispatch } from "./kernel.ts";

/**
 * Invocations per workgroup that bindings plan for where each works alone: one subgroup of lavapipe, which gains nothing
 * from more. Such a kernel numbers its invocations through the whole grid and leaves those past the end idle, so that any
 * other size does the same work to the bit.
 */
const NARROW = 8;
/** A multiple of every GPU's subgroup size; a workgroup of eight would leave three lanes of four idle, or seven of eight. */
const WIDE = 64;

/**
 * The dispatch as the family wants it. A software adapter pays for every workgroup and for code that outgrows its
 * instruction cache, so kernels are written for few invocations with long loops (PER items each, not unrolled). A GPU
 * hides latency with invocations instead: it gets eight times as many, each with an eighth of the items, and so as much
 * work per workgroup.
 */
export function widened(dispatch: Dispatch, family: KernelFamily): Dispatch {
  const { spec, workgroups } = dispatch;
  if (family.kind !== "workgroup" || spec.constants["WG"] !== NARROW) return dispatch;
  const { PER = 1 } = spec.constants;
  const per = Math.ceil((PER * NARROW) / WIDE);
  const constants = { ...spec.constants, WG: WIDE, ...("PER" in spec.constants && { PER: per }) };
  return { ...dispatch, spec: { ...spec, constants }, workgroups: Math.ceil((workgroups * NARROW * PER) / (WIDE * per)) };
}

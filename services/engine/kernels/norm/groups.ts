import { EngineError } from "../../errors.ts";
import type { KernelSpec } from "../../gpu/kernel.ts";
import { requireElements, requirePositive, type Tensor } from "../../gpu/tensor.ts";

/**
 * A dense tensor of `groups` runs of `size` neighbours, each of which is normalised alone, and which of its elements share a
 * gamma and a beta: element i has number ⌊i / inner⌋ mod channels.
 *
 *   layer norm over the last axes   groups: the product of the others; inner 1, channels = size
 *   group norm of [n, c, …]         groups: n times the count of groups; inner: pixels, channels = c
 */
export interface GroupShape {
  readonly groups: number;
  readonly size: number;
  readonly channels: number;
  readonly inner: number;
}

/** Groups from this length on are shared by a workgroup; shorter ones have one invocation each. Bits depend on it, the batch does not. */
const LONG = 2048;

/** Which of the two forms of a kernel that reduces groups (lib/group-share) serves this length. */
export function formFor([short, long]: readonly [KernelSpec, KernelSpec], { size }: GroupShape): KernelSpec { return size < LONG ? short : long; }

/** The two forms of a kernel that reduces groups. */
export function groupForms(spec: Omit<KernelSpec, "constants" | "template" | "lib">): readonly [KernelSpec, KernelSpec] {
  return [
    { ...spec, lib: ["lib/grid", "lib/group-share"], constants: { WG: 8 }, template: { TREE: 0 } },
    { ...spec, lib: ["lib/grid", "lib/group-share", "lib/tree"], constants: { WG: 64 }, template: { TREE: 1 } },
  ];
}

/** Workgroups of a kernel that reduces groups, in the form `spec`. */
export function groupWorkgroups({ template, constants }: KernelSpec, { groups }: GroupShape): number {
  return template!["TREE"] === 1 ? groups : Math.ceil(groups / constants["WG"]!);
}

/**
 * Checks a kernel over groups: `elementwise` hold every element, `perGroup` two numbers per group, `perChannel` one per channel.
 *
 * @throws EngineError SHAPE_MISMATCH.
 */
export function requireGroups({ name }: KernelSpec, { groups, size, channels, inner }: GroupShape, elementwise: Readonly<Record<string, Tensor>>, perGroup: Readonly<Record<string, Tensor>>, perChannel: Readonly<Record<string, Tensor | undefined>> = {}): void {
  requirePositive(name, { groups, size, channels, inner });
  if (size % inner !== 0 || (groups * size) % (channels * inner) !== 0) throw new EngineError("SHAPE_MISMATCH", `${name}: expected groups of whole channels, got ${groups} groups of ${size} with ${channels} channels of ${inner}`, { kernel: name, groups, size, channels, inner });
  for (const [label, tensor] of Object.entries(elementwise)) requireElements(name, label, tensor, groups * size);
  for (const [label, tensor] of Object.entries(perGroup)) requireElements(name, label, tensor, 2 * groups);
  for (const [label, tensor] of Object.entries(perChannel)) if (tensor) requireElements(name, label, tensor, channels);
}

import type { Tensor } from "../../gpu/tensor.ts";
import type { ConvGeometry } from "./geometry.ts";

/** What the three kernels of grouped convolutions share. */

/** Depthwise: every channel is a group. Quads: groups of whole vec4 of channels, in and out. Any: what is neither. */
export const GROUPED_FORMS = ["depthwise", "quads", "any"] as const;
export type GroupedForm = (typeof GROUPED_FORMS)[number];

export function groupedForm({ c, k, groups }: Pick<ConvGeometry, "c" | "k" | "groups">): GroupedForm {
  if (c === groups && k === groups) return "depthwise";
  return (c / groups) % 4 === 0 && (k / groups) % 4 === 0 ? "quads" : "any";
}

/** Pixels of a row per invocation: they share the loads of the weight. */
export const GROUPED_PIXELS = 4;

/** Names of the two operands of a product, in binding order. */
export type Operands = readonly [string, string];

/** The template of a form that reads these operands as textures. */
export function groupedTemplate(form: GroupedForm, operands: Operands, textures: readonly string[]): Record<string, number> {
  return {
    PIXELS: GROUPED_PIXELS, DEPTHWISE: Number(form === "depthwise"), QUADS: Number(form === "quads"),
    ...Object.fromEntries(operands.map((name) => [`${name.toUpperCase()}_TEXTURE`, Number(textures.includes(name))])),
  };
}

/** Every form, by what is read as a texture. */
export function groupedSpecs<Spec>(operands: Operands, spec: (form: GroupedForm, textures: readonly string[]) => Spec): Spec[] {
  const [first, second] = operands;
  return GROUPED_FORMS.flatMap((form) => [[], [second], [first], [first, second]].map((textures) => spec(form, textures)));
}

/** Which of the two operands have a texture. */
export function texturesOf(operands: Operands, tensors: readonly Tensor[]): string[] {
  return operands.filter((_, i) => tensors[i]!.texture !== undefined);
}

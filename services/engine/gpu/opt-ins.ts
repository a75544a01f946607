/** What a user may ask of a GPU's kernels beyond f32 (services/common/config.ts). Off by default; what is on is part of the family's name, and so of every run's record. */
import type { Config } from "../../common/config.ts";
import { EngineError } from "../errors.ts";
import type { KernelFamily, MatrixUnit } from "./device.ts";

/** What Dawn says of an adapter that the types of WebGPU do not know yet. */
export interface AdapterFacts {
  readonly description: string;
  readonly features: ReadonlySet<string>;
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: readonly { readonly componentType: string; readonly resultComponentType: string; readonly M: number; readonly N: number; readonly K: number }[];
}

/** Invocations of a subgroup that conv/implicit-gemm-matrix is written for. */
const MATRIX_LANES = 32;

/**
 * The family with what was asked for.
 *
 * @throws EngineError NO_ADAPTER naming the variable and the feature that this adapter lacks.
 */
export function withOptIns(family: KernelFamily, facts: AdapterFacts, { precision, subgroupMatrix }: Pick<Config, "precision" | "subgroupMatrix">): KernelFamily {
  if (precision === "f32" && !subgroupMatrix) return family;
  const variable = subgroupMatrix ? "LORENZ_SUBGROUP_MATRIX=1" : "LORENZ_PRECISION=f16";
  if (family.kind !== "workgroup") throw lacking(facts, variable, "a GPU", `kernels for software rasterisers (${familyName(family)})`);
  if (precision === "f16" && !facts.features.has("shader-f16")) throw lacking(facts, "LORENZ_PRECISION=f16", "the feature shader-f16", "none");
  return { ...family, half: precision === "f16", ...(subgroupMatrix && { matrix: matrixUnit(facts, precision) }) };
}

/** As runs record it: "subgroup8", "workgroup", "workgroup f16", "workgroup f16 matrix16". */
export function familyName(family: KernelFamily): string {
  if (family.kind === "subgroup") return `subgroup${family.size}`;
  return ["workgroup", family.half ? "f16" : "", family.matrix ? `matrix${family.matrix.side}` : ""].filter(Boolean).join(" ");
}

/** The largest square block that the adapter's units multiply in this precision with f32 sums. */
function matrixUnit(facts: AdapterFacts, operands: MatrixUnit["operands"]): MatrixUnit {
  const { features, subgroupMatrixConfigs = [], subgroupMinSize, subgroupMaxSize } = facts;
  if (!features.has("chromium-experimental-subgroup-matrix")) throw lacking(facts, "LORENZ_SUBGROUP_MATRIX=1", "the feature chromium-experimental-subgroup-matrix", "none");
  if (subgroupMinSize !== MATRIX_LANES || subgroupMaxSize !== MATRIX_LANES) throw lacking(facts, "LORENZ_SUBGROUP_MATRIX=1", `subgroups of ${MATRIX_LANES}`, `${subgroupMinSize} to ${subgroupMaxSize}`);
  const sides = subgroupMatrixConfigs
    .filter(({ componentType, resultComponentType, M, N, K }) => componentType === operands && resultComponentType === "f32" && M === N && N === K && (M === 8 || (M === 16 && operands === "f16")))
    .map(({ M }) => M as MatrixUnit["side"]);
  if (sides.length > 0) return { operands, side: Math.max(...sides) as MatrixUnit["side"] };
  const offered = subgroupMatrixConfigs.map(({ componentType, resultComponentType, M, N, K }) => `${componentType} to ${resultComponentType} ${M}×${N}×${K}`).join(", ");
  throw lacking(facts, "LORENZ_SUBGROUP_MATRIX=1", `matrix units for ${operands} with f32 sums, 8×8×8${operands === "f16" ? " or 16×16×16" : ", or LORENZ_PRECISION=f16 beside it"}`, offered || "none");
}

function lacking({ description }: AdapterFacts, variable: string, expected: string, got: string): EngineError {
  return new EngineError("NO_ADAPTER", `adapter: expected ${expected}, as ${variable} asks, got ${got} from ${description}; unset it to run without`, { variable });
}

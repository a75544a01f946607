import { AppError } from "../../../common/errors.ts";
import type { Shape } from "../../../engine/graph/graph.ts";
import { findNormalisation, type Normalisation } from "./normalisation.ts";
import { commonPrefixes } from "./prefixes.ts";
import { isBatchCounter, type NamedTensor, volume } from "./tensor-file.ts";

/** Which tensor of a file is which of an architecture. */

export interface MatchedWeights {
  /** Under the architecture's names, in its order and shapes. */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  /** What stood before the architecture's names in the file: "", "module.", "module.attacker.model." */
  readonly prefix: string;
  /** Mean and standard deviation that the file's network subtracts and divides by, if it says. */
  readonly normalisation?: Normalisation;
  /** Names in the file of second copies of the same weights, such as those of a wrapped attacker. */
  readonly copies: readonly string[];
}

/** Names listed in a message, and in an error's details: a hostile file may have millions. */
const LISTED = 10;
const DETAILED = 10_000;

/**
 * Strips whatever the names of the file have before the architecture's (`module.`, `model.`, `attacker.model.`, …), takes
 * input normalisation that was saved with the model, and ignores batch counters and equal copies. All else must be there,
 * and nothing else. Shapes may differ in sides of 1 (a 1×1 convolution for a linear layer), which changes no order.
 *
 * @param expected names and shapes of the architecture's parameters and running statistics.
 * @throws AppError MODEL_MISMATCH with every missing, surplus, misshapen and contradictory name in its details.
 */
export function matchStateDict(tensors: ReadonlyMap<string, NamedTensor>, expected: ReadonlyMap<string, Shape>): MatchedWeights {
  const named = renamed(tensors, expected);
  const [prefix = "", ...others] = commonPrefixes([...named.keys()], expected);
  const found = new Map([...expected.keys()].flatMap((name): [string, NamedTensor][] => (named.has(prefix + name) ? [[name, named.get(prefix + name)!]] : [])));
  const copies = others.flatMap((other) => [...found.keys()].map((name) => ({ name, copy: other + name })).filter(({ copy }) => named.has(copy)));
  const known = new Set([...[...found.keys()].map((name) => prefix + name), ...copies.map(({ copy }) => copy)]);
  const { normalisation, names, conflicts } = findNormalisation(new Map([...named].filter(([name]) => !known.has(name))));
  const problems = {
    missing: [...expected.keys()].filter((name) => !found.has(name)),
    surplus: [...named.keys()].filter((name) => !known.has(name) && !names.has(name)),
    misshapen: [...found].filter(([name, { shape }]) => !isSameOrder(shape, expected.get(name)!)).map(([name, { shape }]) => `${name} (expected [${expected.get(name)!.join(", ")}], got [${shape.join(", ")}])`),
    contradictory: [...copies.filter(({ name, copy }) => !isEqual(found.get(name)!, named.get(copy)!)).map(({ name, copy }) => `${copy} (differs from ${prefix}${name})`), ...conflicts],
  };
  refuseProblems(problems, expected.size, prefix);
  const matched = new Map([...found].map(([name, { data }]) => [name, { shape: expected.get(name)!, data }]));
  return { tensors: matched, prefix, copies: copies.map(({ copy }) => copy), ...(normalisation && { normalisation }) };
}

/** Names that only say how a layer was wrapped or called once, in today's form; without batch counters. */
function renamed(tensors: ReadonlyMap<string, NamedTensor>, expected: ReadonlyMap<string, Shape>): ReadonlyMap<string, NamedTensor> {
  const today = new Map<string, NamedTensor>();
  for (const [name, tensor] of tensors) {
    if (isBatchCounter(name)) continue;
    const current = expected.has(name) ? name : name
      .replaceAll(/(?<=^|\.)_orig_mod\./g, "") // torch.compile
      .replace(/(?<=(?:^|\.)features\.)module\./, "") // ImageNet's VGG and AlexNet: DataParallel around the features only
      .replace(/(?<=denselayer\d{1,3}\.(?:norm|conv))\.(?=[12]\.)/, ""); // torchvision's first DenseNets: norm.1 for norm1
    today.set(today.has(current) ? name : current, tensor); // two names for one stay two, and so are found surplus
  }
  return today;
}

function isSameOrder(shape: Shape, expected: Shape): boolean {
  const sides = (all: Shape): string => all.filter((side) => side !== 1).join();
  return sides(shape) === sides(expected) && volume(shape) === volume(expected);
}

/** To the bit, so that a NaN equals itself. */
function isEqual(a: NamedTensor, b: NamedTensor): boolean {
  const bytes = ({ data }: NamedTensor): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return isSameOrder(a.shape, b.shape) && bytes(a).equals(bytes(b));
}

function refuseProblems(problems: Readonly<Record<string, readonly string[]>>, count: number, prefix: string): void {
  const found = Object.entries(problems).filter(([, names]) => names.length > 0);
  if (found.length === 0) return;
  const listed = found.map(([kind, names]) => `${names.length} ${kind}: ${names.slice(0, LISTED).map((name) => name.slice(0, 200)).join(", ")}${names.length > LISTED ? ", …" : ""}`);
  const after = prefix === "" ? "" : ` after "${prefix.slice(0, 200)}"`;
  throw new AppError("MODEL_MISMATCH", `weights: expected the architecture's ${count} tensors${after}, got ${listed.join("; ")}; name the architecture and the number of classes that the file was made with`,
    Object.fromEntries(found.map(([kind, names]) => [kind, names.slice(0, DETAILED)])));
}

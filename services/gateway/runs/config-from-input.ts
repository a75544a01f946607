import type { z } from "zod";

import { completeConfig, type RunConfig, runConfigSchema, type RunKind } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";

/** One-of inputs: field → the tag that the job schema's union is told apart by, and its word for each GraphQL field. */
const ONE_OF_FIELDS: Readonly<Record<string, { readonly tag: string; readonly words: Readonly<Record<string, string>> }>> = {
  optimiser: { tag: "kind", words: { sgd: "sgd", adamw: "adamw" } },
  schedule: { tag: "kind", words: { constant: "constant", multiStep: "multi-step", cosine: "cosine" } },
  attack: { tag: "kind", words: { pgd: "pgd", inductiveNoise: "inductive-noise", inductiveOcclusion: "inductive-occlusion" } },
  measure: { tag: "scope", words: { global: "global", regional: "regional" } },
  from: {
    tag: "kind",
    words: {
      stateDict: "state-dict", onnx: "onnx", cifar: "cifar", idx: "idx", imageFolder: "image-folder", npy: "npy", npz: "npz", tinyImagenet: "tiny-imagenet",
      imagenet: "imagenet", cifarC: "cifar-c", imagenetC: "imagenet-c", imageList: "image-list",
    },
  },
  images: { tag: "kind", words: { dataset: "dataset", files: "files" } },
};
/** What an element of a list is called. */
const ELEMENT_OF: Readonly<Record<string, string>> = { attacks: "attack", measures: "measure", models: "model" };

type Path = readonly (string | number)[];

/** A config as asked for, not yet checked, and the way back from a place in it to the field of the GraphQL input. */
export interface Draft {
  readonly value: Record<string, unknown> & { dataset?: unknown };
  /** ["attacks", 0, "epsilon"] → "input.attacks.0.pgd.epsilon" */
  fieldOf(path: Path): string;
}

/** Turns a mutation's input into the shape of the job schema. Absent and null are the same; nothing is checked here. */
export function draftConfig(kind: RunKind, input: object): Draft {
  const tags = new Map<string, string>();
  const convert = (value: unknown, name: string, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, i) => convert(item, ELEMENT_OF[name] ?? "", [...path, i]));
    if (name === "model" && typeof value === "string") return value.toLowerCase(); // a UUID in either case is the same
    if (typeof value !== "object" || value === null) return value;
    const oneOf = ONE_OF_FIELDS[name];
    // A data set's `images` is a file, not a one-of.
    return oneOf && Object.keys(value).some((key) => Object.hasOwn(oneOf.words, key)) ? untag(value, oneOf, path) : fields(value, path);
  };
  const fields = (value: object, path: Path): Record<string, unknown> => Object.fromEntries(
    Object.entries(value).filter(([, item]) => item !== null && item !== undefined).map(([name, item]) => [name, convert(item, name, [...path, name])]));
  const untag = (value: object, { tag, words }: (typeof ONE_OF_FIELDS)[string], path: Path): unknown => {
    const [name, item] = Object.entries(value).find(([, each]) => each !== null && each !== undefined) ?? ["", undefined];
    tags.set(JSON.stringify(path), name);
    return { [tag]: words[name], ...(item === false ? { [name]: item } : typeof item === "object" ? fields(item, path) : {}) };
  };
  const { seed: _seed, idempotencyKey: _key, ...rest } = input as Record<string, unknown>;
  return {
    value: { kind, ...fields(rest, []) },
    fieldOf(path) {
      let field = "input";
      path.forEach((step, i) => {
        field += `.${step}`;
        const tag = tags.get(JSON.stringify(path.slice(0, i + 1)));
        if (tag !== undefined && i + 1 < path.length) field += `.${tag}`;
      });
      return field;
    },
  };
}

/** @throws AppError INVALID_INPUT with the first wrong field in `details.field` and all of them in `details.issues`. */
export function parseDraft(draft: Draft): RunConfig {
  const parsed = runConfigSchema.safeParse(draft.value);
  if (parsed.success) return completeConfig(parsed.data);
  throw invalidInput(parsed.error.issues.flatMap(closest).map((issue) => ({ field: draft.fieldOf(issue.path as Path), message: messageOf(issue) })));
}

/** What is wrong with the alternative of a union that the value comes closest to. */
function closest(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return [issue];
  const [best] = issue.errors.toSorted((a, b) => a.length - b.length);
  return best!.flatMap(closest).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

export interface FieldIssue { readonly field: string; readonly message: string }

export function invalidInput(issues: readonly FieldIssue[]): AppError {
  return new AppError("INVALID_INPUT", issues.map(({ field, message }) => `${field}: ${message}`).join("; "), { field: issues[0]?.field, issues });
}

function messageOf(issue: z.core.$ZodIssue): string {
  return issue.message.replace(/^(Too (small|big)|Invalid input): /, "");
}

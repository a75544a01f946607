import { z } from "zod";

import { AppError } from "../../../services/common/errors.ts";

/** What a peer is asked, a line of JSON each (peers/protocol.mjs has the other end): to time units of work, or to write one's result to a file. */
export type Question = { readonly case: string; readonly count: number } | { readonly case: string; readonly output: string };

const answerSchema = z.union([
  z.strictObject({ ms: z.number().nonnegative() }),
  z.strictObject({ elements: z.int().nonnegative() }),
  z.strictObject({ engine: z.string().min(1) }),
  z.strictObject({ error: z.string() }),
]);
export type Answer = z.output<typeof answerSchema>;

/** @throws AppError INVALID_INPUT when the line is no answer: a library that prints to stdout would otherwise be taken for one. */
export function parseAnswer(line: string): Answer {
  const parsed = answerSchema.safeParse(json(line));
  if (parsed.success) return parsed.data;
  throw new AppError("INVALID_INPUT", `peer: expected one of {ms}, {elements}, {engine}, {error}, got ${line.slice(0, 200)}`);
}

function json(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

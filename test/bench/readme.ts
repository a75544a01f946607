import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { AppError } from "../../services/common/errors.ts";
import { findRoot } from "../../services/common/paths.ts";

/** The parts of the benchmark, each with a place of its own in the README. */
export const SECTIONS = ["own", "peers", "scaling"] as const;
export type Section = (typeof SECTIONS)[number];

/** The comments between which a section's tables stand. */
export function markersOf(section: Section): { begin: string; end: string } {
  return { begin: `<!-- benchmark ${section}: written by npm run bench -- --readme -->`, end: `<!-- end of benchmark ${section} -->` };
}

/** `text` with other lines between the section's markers, as a code block; all else as it was. @throws AppError INVALID_INPUT unless both markers stand there once, in order. */
export function replaceSection(text: string, section: Section, lines: readonly string[]): string {
  const { begin, end } = markersOf(section);
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  const once = [begin, end].every((marker) => text.split(marker).length === 2);
  if (!once || to < from) throw new AppError("INVALID_INPUT", `readme: expected ${begin} and ${end}, once each and in this order; put them back where the tables belong`, { section });
  return `${text.slice(0, from + begin.length)}\n${["```", ...lines, "```"].join("\n")}\n${text.slice(to)}`;
}

export function writeSection(section: Section, lines: readonly string[]): void {
  const file = join(findRoot(), "README.md");
  writeFileSync(file, replaceSection(readFileSync(file, "utf8"), section, lines));
}

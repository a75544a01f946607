import type { Split } from "./dataset.ts";

/** A split that is read when it is asked for. */
export interface StreamedSplit extends Split {
  /** A line for each file: its name, size and what it stands for. Cheap: nothing is read for it. */
  listing(): Iterable<string>;
}

export function isStreamed(split: Split): split is StreamedSplit { return "listing" in split; }

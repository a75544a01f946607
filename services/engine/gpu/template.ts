import { EngineError } from "../errors.ts";

/**
 * The one preprocessor of the shaders: it unrolls register tiles, which WGSL itself cannot (an accumulator must be a
 * named variable to stay in a register, and `subgroupBroadcast` takes only a constant lane).
 *
 *   //#for p in 0..ROWS      repeats the lines up to the matching //#end with p = 0 … ROWS-1
 *   //#if EXPRESSION         keeps the lines up to //#else or //#end
 *   ${EXPRESSION}            is replaced by its value
 *
 * An expression is JavaScript over the loop variables and the numbers in `values`. It must not do more than that:
 * everything else about a kernel is WGSL. Each output line remembers the line of the file it came from, so that compiler
 * messages name real lines. Kept here rather than taken from a library because the template libraries looked at (eta,
 * @fs-eire/wgsl-template) lose that line.
 */
export interface Expanded {
  readonly text: string;
  /** 1-based line in the file for each output line. */
  readonly lines: readonly number[];
}

export type TemplateValues = Readonly<Record<string, number>>;

export function expand(file: string, source: string, values: TemplateValues): Expanded {
  const input = source.split("\n");
  const text: string[] = [];
  const lines: number[] = [];
  const emit = (from: number, to: number, scope: TemplateValues): void => {
    for (let i = from; i < to; i++) {
      const line = input[i]!;
      const loop = /^\s*\/\/#for (\w+) in (.+?)\.\.(.+)$/.exec(line);
      const branch = /^\s*\/\/#if (.+)$/.exec(line);
      if (loop) {
        const end = blockEnd(file, input, i).end;
        const first = evaluate(file, i, loop[2]!, scope);
        const limit = evaluate(file, i, loop[3]!, scope);
        for (let v = first; v < limit; v++) emit(i + 1, end, { ...scope, [loop[1]!]: v });
        i = end;
      } else if (branch) {
        const { middle, end } = blockEnd(file, input, i);
        if (evaluate(file, i, branch[1]!, scope)) emit(i + 1, middle, scope);
        else emit(middle + 1, end, scope);
        i = end;
      } else {
        text.push(line.replace(/\$\{([^}]+)\}/g, (_, expression: string) => String(evaluate(file, i, expression, scope))));
        lines.push(i + 1);
      }
    }
  };
  emit(0, input.length, values);
  return { text: text.join("\n"), lines };
}

/** Indices of the //#else (or //#end if none) and //#end that belong to the block opened at `start`. */
function blockEnd(file: string, input: readonly string[], start: number): { middle: number; end: number } {
  let depth = 0;
  let middle = -1;
  for (let i = start; i < input.length; i++) {
    const line = input[i]!.trim();
    if (/^\/\/#(for|if) /.test(line)) depth++;
    else if (line === "//#else" && depth === 1) middle = i;
    else if (line === "//#end" && --depth === 0) return { middle: middle < 0 ? i : middle, end: i };
  }
  throw new EngineError("SHADER_INVALID", `${file}.wgsl:${start + 1}:1 expected a matching //#end, got the end of the file`, { kernel: file });
}

function evaluate(file: string, line: number, expression: string, scope: TemplateValues): number {
  try {
    const value: unknown = new Function(...Object.keys(scope), `"use strict"; return (${expression});`)(...Object.values(scope));
    if (typeof value === "boolean") return value ? 1 : 0;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (typeof value === "string") return value as unknown as number; // a name chosen by the template, such as "xyzw"[q]
    throw new TypeError(`expected a number, got ${String(value)}`);
  } catch (cause) {
    throw new EngineError("SHADER_INVALID", `${file}.wgsl:${line + 1}:1 cannot evaluate "${expression}": ${(cause as Error).message}`, { kernel: file }, { cause });
  }
}

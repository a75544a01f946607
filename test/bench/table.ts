/** A table as lines: the first column to the left, all others to the right, a rule below the headings. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string => cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ").trimEnd();
  return [line(headings), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(line)];
}

/** Three significant digits, never in exponential form: 0.0123, 1.23, 12.3, 123, 1230. */
export function three(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const digits = 2 - Math.floor(Math.log10(Math.abs(Number(value.toPrecision(3)))));
  return digits >= 0 ? value.toFixed(Math.min(digits, 6)) : String(Math.round(value / 10 ** -digits) * 10 ** -digits);
}

export function mebibytes(bytes: number): string { return three(bytes / 2 ** 20); }

export interface ByteRange { readonly start: number; /** Inclusive. */ readonly end: number }

/**
 * Reads a Range header for a file of `size` bytes (RFC 9110, 14.1.2): one byte range, open or suffix. "ignore" is for what
 * a server may answer in full: another unit, bad syntax, several ranges.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | "ignore" | "unsatisfiable" {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return "ignore";
  const [first, last] = [match[1]!, match[2]!];
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < start) return "ignore";
  return start >= size ? "unsatisfiable" : { start, end };
}

/**
 * A key that stands twice in one object of `text`, which must be valid JSON. JSON.parse keeps the last silently, so that
 * two readers of one file may see different tensors under one name.
 */
export function findDuplicateKey(text: string): string | undefined {
  const objects: (Set<string> | undefined)[] = []; // innermost last; undefined for an array
  const token = /["{}[\]]/g;
  for (let found = token.exec(text); found; found = token.exec(text)) {
    const [mark] = found;
    if (mark === "{") objects.push(new Set());
    else if (mark === "[") objects.push(undefined);
    else if (mark !== '"') objects.pop();
    else {
      const end = endOfString(text, found.index);
      token.lastIndex = end;
      if (!isKey(text, end)) continue;
      const key = JSON.parse(text.slice(found.index, end)) as string;
      const keys = objects.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

/** Whether a colon follows the string that ended at `end`. */
function isKey(text: string, end: number): boolean {
  let at = end;
  while (" \t\n\r".includes(text[at] ?? "x")) at++;
  return text[at] === ":";
}

/** Not by one expression over the whole string: a regular expression remembers every character of it, and a name may have millions. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
}

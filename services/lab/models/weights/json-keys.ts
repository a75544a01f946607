/**
 * A key that stands twice in one object of `text`, which must be valid JSON. JSON.parse keeps the last silently, so that
 * two readers of one file may see different tensors under one name.
 */
export function findDuplicateKey(text: string): string | undefined {
  const objects: (Set<string> | undefined)[] = []; // innermost last; undefined for an array
  const token = /"(?:[^"\\]|\\.)*"\s*:|"(?:[^"\\]|\\.)*"|[{}[\]]/g;
  for (const [found] of text.matchAll(token)) {
    if (found === "{") objects.push(new Set());
    else if (found === "[") objects.push(undefined);
    else if (found === "}" || found === "]") objects.pop();
    else if (found.endsWith(":")) {
      const key = JSON.parse(found.slice(0, -1)) as string;
      const keys = objects.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

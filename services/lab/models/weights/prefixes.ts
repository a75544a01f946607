/** Longer than any network's names are. */
const MAX_NAME = 500;

/**
 * What stands before the architecture's names in a file: `module.` of DataParallel, `model.` and `attacker.model.` of
 * wrappers, `1.` of a Sequential with normalisation, and any combination of them; "" when nothing does.
 *
 * @returns the prefixes with which most names are found, the shortest first; none when no name is.
 */
export function commonPrefixes(names: readonly string[], expected: ReadonlyMap<string, unknown>): readonly string[] {
  const depth = [...expected.keys()].reduce((most, name) => Math.max(most, name.split(".").length), 0);
  const votes = new Map<string, number>();
  for (const name of names) {
    if (name.length > MAX_NAME) continue;
    // From the end, and no further than names of the architecture go: a hostile name may be all dots.
    for (let start = name.length, part = 0; part < depth && start > 0; part++) {
      start = start < 2 ? 0 : name.lastIndexOf(".", start - 2) + 1;
      const prefix = name.slice(0, start);
      if (expected.has(name.slice(start))) votes.set(prefix, (votes.get(prefix) ?? 0) + 1);
    }
  }
  const most = [...votes.values()].reduce((a, b) => Math.max(a, b), 0);
  return [...votes].filter(([, count]) => count === most).map(([prefix]) => prefix).sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

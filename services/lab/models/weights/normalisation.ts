import type { NamedTensor } from "./tensor-file.ts";

/** Per channel, in the [0, 1] units of images: a network sees (x − mean) / std. */
export interface Normalisation { readonly mean: readonly number[]; readonly std: readonly number[] }

/** `normalizer.new_mean` (robustness), `normalize.mean` (RobustBench), `0.mean` (a Sequential), and `mean` or `mu` of the model itself. */
const MODULES = new Set(["normalizer", "normalize", "normaliser", "normalise", "normalization", "normalisation", "norm", "0", "module", "model", ""]);
const MEANS = new Set(["mean", "new_mean", "mu"]);
const STDS = new Set(["std", "new_std", "sigma"]);
const MAX_CHANNELS = 16;

interface Stated extends Normalisation { readonly names: readonly [string, string] }

/**
 * Input normalisation among the tensors that an architecture has no place for.
 *
 * @returns the normalisation when there is one; the names that state it; those that state another.
 */
export function findNormalisation(tensors: ReadonlyMap<string, NamedTensor>): { normalisation?: Normalisation; names: ReadonlySet<string>; conflicts: readonly string[] } {
  const stated = statedIn(tensors);
  const [first] = stated;
  if (!first) return { names: new Set(), conflicts: [] };
  const differs = stated.filter(({ mean, std }) => mean.join() !== first.mean.join() || std.join() !== first.std.join());
  return {
    normalisation: { mean: first.mean, std: first.std },
    names: new Set(stated.flatMap(({ names }) => names)),
    conflicts: differs.flatMap(({ names }) => names.map((name) => `${name} (differs from ${first.names.join(", ")})`)),
  };
}

function statedIn(tensors: ReadonlyMap<string, NamedTensor>): Stated[] {
  const stds = new Map([...tensors.keys()].filter((name) => STDS.has(lastOf(name))).map((name) => [moduleOf(name), name]));
  return [...tensors.keys()].filter((name) => MEANS.has(lastOf(name)) && MODULES.has(lastOf(moduleOf(name)))).flatMap((name): Stated[] => {
    const partner = stds.get(moduleOf(name));
    const [mean, std] = [perChannel(tensors.get(name)!), perChannel(partner === undefined ? undefined : tensors.get(partner))];
    return mean && std && mean.length === std.length && std.every((value) => value > 0) ? [{ names: [name, partner!], mean, std }] : [];
  });
}

function moduleOf(name: string): string { return name.slice(0, Math.max(0, name.lastIndexOf("."))); }
function lastOf(name: string): string { return name.slice(name.lastIndexOf(".") + 1); }

/** Of [c], [c, 1, 1] or [1, c, 1, 1]. */
function perChannel(tensor: NamedTensor | undefined): readonly number[] | undefined {
  if (!tensor || tensor.data.length === 0 || tensor.data.length > MAX_CHANNELS || tensor.shape.filter((side) => side !== 1).length > 1) return undefined;
  return tensor.data.every(Number.isFinite) ? [...tensor.data] : undefined;
}

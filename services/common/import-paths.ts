import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";

import { AppError } from "./errors.ts";

/**
 * The real place of a local file or folder that a request names: it exists, and lies in one of the allow-listed roots (or is
 * one) both as written and after every link on the way is followed. Use the result, not `path`, from then on. What lies
 * outside is refused before it is looked at, so that nobody learns what is there.
 *
 * @param roots absolute, from LORENZ_IMPORT_ROOTS.
 * @param field where the path comes from, for the error.
 * @throws AppError INVALID_INPUT.
 */
export async function resolveImportPath(path: string, roots: readonly string[], field: string): Promise<string> {
  const refuse = (expected: string): never => {
    throw new AppError("INVALID_INPUT", `${field}: expected ${expected}, got ${JSON.stringify(path.slice(0, 300))}`, { field });
  };
  if (roots.length === 0) refuse("an uploaded file (sha256), since LORENZ_IMPORT_ROOTS allows no local folder");
  if (!isAbsolute(path) || path.includes("\0")) refuse("an absolute path");
  const allowed = `a file or folder inside ${roots.join(" or ")} (LORENZ_IMPORT_ROOTS)`;
  const realRoots = (await Promise.all(roots.map(realOrNothing))).filter((root) => root !== undefined);
  if (![...roots, ...realRoots].some((root) => isInside(resolve(path), root))) refuse(allowed);
  const real = await realOrNothing(path);
  if (real === undefined) return refuse(`${allowed} that exists and can be read`);
  if (!realRoots.some((root) => isInside(real, root))) refuse(`${allowed}, links followed`);
  return real;
}

async function realOrNothing(path: string): Promise<string | undefined> { return realpath(path).catch(() => undefined); }

function isInside(path: string, root: string): boolean {
  const rest = relative(root, path);
  return rest !== ".." && !rest.startsWith(`..${sep}`) && !isAbsolute(rest);
}

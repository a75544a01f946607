import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { AppError } from "./errors.ts";

/**
 * The package's root folder. Sources lie one level higher than the compiled files in dist/, so it is found, not counted:
 * the nearest folder at or above `from` that holds both package.json and shaders/.
 *
 * @throws AppError INVARIANT when there is none: the installation is incomplete.
 */
export function findRoot(from: string = dirname(fileURLToPath(import.meta.url))): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json")) && existsSync(join(folder, "shaders"))) return folder;
    if (dirname(folder) === folder) throw new AppError("INVARIANT", `paths: expected a folder with package.json and shaders/ above ${from}, found none; install Lorenz again`);
  }
}

export function migrationsFolder(): string { return join(findRoot(), "migrations"); }
export function shadersFolder(): string { return join(findRoot(), "shaders"); }

import { fileURLToPath } from "node:url";

/** Arguments for Node to run the script `name` beside the module at `url`: as TypeScript when that is, else compiled. */
export function scriptArguments(url: string, name: string): string[] {
  return [...loader(url), fileURLToPath(scriptUrl(url, name))];
}

/** Arguments for Node to load the module `name` beside the one at `url` before anything else. */
export function preloadArguments(url: string, name: string): string[] { return [...loader(url), "--import", scriptUrl(url, name)]; }

function scriptUrl(url: string, name: string): string { return new URL(`./${name}${url.endsWith(".ts") ? ".ts" : ".js"}`, url).href; }
function loader(url: string): string[] { return url.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : []; }

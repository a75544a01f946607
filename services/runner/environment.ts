import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import type { Environment } from "../../schema/jobs/runner-message.ts";
import { findRoot } from "../common/paths.ts";
import { adviceFor } from "../engine/gpu/advice.ts";
import type { Gpu } from "../engine/gpu/device.ts";

/** What numbers are made on here. @param measuredGflops null when not measured. */
export function environmentOf({ adapter }: Gpu, measuredGflops: number | null): Environment {
  return {
    adapter: adapter.description, adapterKind: adapter.kind, software: adapter.software, vendor: adapter.vendor, architecture: adapter.architecture, kernelFamily: adapter.family,
    dawn: dawnVersion(),
    node: process.version, platform: `${process.platform}-${process.arch}`,
    code: codeVersion(findRoot()),
    advice: adviceFor(adapter) ?? null,
    measuredGflops,
  };
}

export function dawnVersion(): string { return `webgpu ${versionOf(createRequire(import.meta.url).resolve("webgpu/package.json"))}`; }

/** The package's version and, in a working copy, the commit checked out: "0.1.0+1a2b3c4d5e6f". */
export function codeVersion(root: string): string {
  const commit = headCommit(join(root, ".git"));
  return versionOf(join(root, "package.json")) + (commit === undefined ? "" : `+${commit.slice(0, 12)}`);
}

function versionOf(packageFile: string): string {
  return (JSON.parse(readFileSync(packageFile, "utf8")) as { version: string }).version;
}

/** gitrepository-layout(5): HEAD holds a commit or the name of a ref, which is a file or a line in packed-refs. */
function headCommit(git: string): string | undefined {
  const read = (name: string): string => (existsSync(join(git, name)) ? readFileSync(join(git, name), "utf8").trim() : "");
  const head = read("HEAD");
  const ref = /^ref: (\S+)$/.exec(head)?.[1];
  const commit = ref === undefined ? head : read(ref) || (read("packed-refs").split("\n").find((line) => line.endsWith(` ${ref}`)) ?? "");
  return /^[0-9a-f]{40}/.exec(commit)?.[0];
}

import { readFileSync } from "node:fs";

import type { AdapterInfo } from "./device.ts";

/** The fields of os-release(5) that matter here. */
export interface OperatingSystem {
  readonly id: string;
  /** Ids of systems it is like, in their order. */
  readonly like: readonly string[];
  readonly codename: string;
}

const BACKPORTS = [
  "echo 'deb http://deb.debian.org/debian bookworm-backports main' | sudo tee /etc/apt/sources.list.d/backports.list",
  "sudo apt-get update",
  "sudo apt-get install -y -t bookworm-backports mesa-vulkan-drivers",
].join(" && ");

/**
 * What would give a faster adapter: where one is known the exact command, else a sentence. Undefined on a GPU.
 *
 * @param system default: this machine's.
 */
export function adviceFor(info: Pick<AdapterInfo, "kind">, system: OperatingSystem = thisSystem()): string | undefined {
  if (info.kind === "lavapipe") return "a GPU with a Vulkan driver would be faster; there is no faster software adapter";
  if (info.kind !== "swiftshader") return undefined;
  return lavapipeCommand(system);
}

/** How to install a lavapipe that Dawn accepts (Mesa 24 or later): several times as fast as SwiftShader. */
export function lavapipeCommand({ id, like, codename }: OperatingSystem = thisSystem()): string {
  const family = [id, ...like];
  if (id === "debian" && codename === "bookworm") return BACKPORTS; // its own Mesa is 22.3
  if (family.includes("debian")) return "sudo apt-get install -y mesa-vulkan-drivers";
  if (family.includes("fedora")) return "sudo dnf install -y mesa-vulkan-drivers";
  if (family.includes("arch")) return "sudo pacman -S vulkan-swrast";
  return "install the Vulkan drivers of Mesa 24 or later (lavapipe) and the Vulkan loader";
}

function thisSystem(): OperatingSystem {
  for (const file of ["/etc/os-release", "/usr/lib/os-release"]) {
    try {
      return parseOsRelease(readFileSync(file, "utf8"));
    } catch {
      continue; // the second is where the first usually points
    }
  }
  return { id: process.platform, like: [], codename: "" };
}

/** os-release(5): shell-like assignments, values perhaps quoted. */
export function parseOsRelease(text: string): OperatingSystem {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^([A-Z_]+)=(["']?)(.*)\2$/.exec(line.trim());
    if (match) fields.set(match[1]!, match[3]!);
  }
  return { id: fields.get("ID") ?? "", like: (fields.get("ID_LIKE") ?? "").split(" ").filter(Boolean), codename: fields.get("VERSION_CODENAME") ?? "" };
}

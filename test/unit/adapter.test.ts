import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { placesFor, type Probes, search } from "../../services/engine/gpu/adapter.ts";
import { adviceFor, lavapipeCommand, parseOsRelease } from "../../services/engine/gpu/advice.ts";
import type { AdapterInfo } from "../../services/engine/gpu/device.ts";
import { EngineError } from "../../services/engine/errors.ts";

interface Fake { readonly info: AdapterInfo }

const fake = (kind: string): Fake => ({ info: { kind, description: `a ${kind}`, vendor: "", architecture: "", software: kind !== "gpu", family: "workgroup" } });

/** Probes that answer as told and write down who was asked. */
function probes(answers: Partial<Record<keyof Probes<Fake>, Fake | string | Error>>): { asked: string[]; probes: Probes<Fake> } {
  const asked: string[] = [];
  const probe = (place: keyof Probes<Fake>) => async (): Promise<Fake | string> => {
    asked.push(place);
    const answer = answers[place] ?? "nothing there";
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { asked, probes: { system: probe("system"), lavapipe: probe("lavapipe"), swiftshader: probe("swiftshader") } };
}

describe("the search for an adapter", () => {
  for (const kind of ["gpu", "lavapipe"]) {
    it(`takes the system's ${kind} and never touches SwiftShader`, async () => {
      const { asked, probes: given } = probes({ system: fake(kind), swiftshader: fake("swiftshader") });
      const { found, refused } = await search(undefined, given);
      assert.equal(found.info.kind, kind);
      assert.deepEqual({ asked, refused }, { asked: ["system"], refused: [] });
    });
  }

  it("goes on to SwiftShader when the system has nothing, and keeps the reason", async () => {
    const { asked, probes: given } = probes({ system: "Mesa is too old", swiftshader: fake("swiftshader") });
    const { found, refused } = await search(undefined, given);
    assert.equal(found.info.kind, "swiftshader");
    assert.deepEqual({ asked, refused }, { asked: ["system", "swiftshader"], refused: ["system: Mesa is too old"] });
  });

  it("fails with every reason when nothing is found", async () => {
    const { probes: given } = probes({ system: "no loader", swiftshader: new EngineError("NO_ADAPTER", "package missing") });
    await assert.rejects(search(undefined, given), { code: "NO_ADAPTER", message: /expected a GPU, lavapipe or SwiftShader, got none \(system: no loader; swiftshader: package missing\).*doctor/ });
  });

  it("asks only the preferred place, and never puts up with another kind", async () => {
    for (const [preference, place] of [["gpu", "system"], ["lavapipe", "lavapipe"], ["swiftshader", "swiftshader"]] as const) {
      const right = probes({ [place]: fake(preference) });
      assert.equal((await search(preference, right.probes)).found.info.kind, preference);
      assert.deepEqual(right.asked, [place]);
      const wrong = probes({ system: fake("other"), lavapipe: fake("other"), swiftshader: fake("other") });
      await assert.rejects(search(preference, wrong.probes), { code: "NO_ADAPTER", message: new RegExp(`expected ${preference}, as LORENZ_ADAPTER asks.*offers other`) });
      assert.deepEqual(wrong.asked, [place]);
    }
  });

  it("lets an error through that is not about a missing adapter", async () => {
    const { asked, probes: given } = probes({ system: new RangeError("a bug"), swiftshader: fake("swiftshader") });
    await assert.rejects(search(undefined, given), RangeError);
    assert.deepEqual(asked, ["system"]);
  });

  it("looks for a GPU before any software adapter", () => assert.deepEqual(placesFor(undefined), ["system", "swiftshader"]));
});

describe("advice", () => {
  const debian12 = parseOsRelease('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n');
  const ubuntu = parseOsRelease('ID=ubuntu\nID_LIKE="debian"\nVERSION_CODENAME=noble\n');

  it("names the backports on Debian 12, whose own Mesa is too old", () => {
    const advice = adviceFor({ kind: "swiftshader" }, debian12)!;
    assert.match(advice, /bookworm-backports main.*sources\.list\.d.*apt-get update && sudo apt-get install -y -t bookworm-backports mesa-vulkan-drivers$/);
  });

  it("is one install command elsewhere", () => {
    assert.equal(adviceFor({ kind: "swiftshader" }, ubuntu), "sudo apt-get install -y mesa-vulkan-drivers");
    assert.match(lavapipeCommand(parseOsRelease("ID=fedora")), /^sudo dnf install/);
    assert.match(lavapipeCommand(parseOsRelease("ID=plan9")), /Mesa 24 or later/);
  });

  it("says that only a GPU beats lavapipe, and nothing on a GPU", () => {
    assert.match(adviceFor({ kind: "lavapipe" }, debian12)!, /GPU/);
    assert.equal(adviceFor({ kind: "gpu" }, debian12), undefined);
    assert.equal(adviceFor({ kind: "null" }, debian12), undefined);
  });

  it("reads quoted, single-quoted and bare os-release values", () => {
    assert.deepEqual(parseOsRelease("ID='rocky'\nID_LIKE=\"rhel centos fedora\"\n# comment\nVERSION_CODENAME=\n"), { id: "rocky", like: ["rhel", "centos", "fedora"], codename: "" });
  });
});

/** In a process of its own, because Dawn and the Vulkan drivers are the process's; with a cache of its own. */
function findInProcess(env: Record<string, string>): { answer: string; kinds: string[]; drivers: string; cached: number } {
  const cache = mkdtempSync(join(tmpdir(), "lorenz-test-"));
  const program = `
    const { findAdapter } = await import(${JSON.stringify(fileURLToPath(new URL("../../services/engine/gpu/adapter.ts", import.meta.url)))});
    const once = async () => { try { const { info, release } = await findAdapter("auto"); release(); return info.kind; } catch (error) { return error.code + " " + error.message; } };
    console.log(JSON.stringify([await once(), await once(), process.env.VK_ICD_FILENAMES ?? "unset"]));
    process.exit();`;
  const { VK_ICD_FILENAMES: _, VK_DRIVER_FILES: __, LORENZ_ADAPTER: ___, ...rest } = process.env;
  try {
    const { stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], { env: { ...rest, XDG_CACHE_HOME: cache, ...env }, encoding: "utf8" });
    assert.notEqual(stdout, "", stderr);
    const [first, second, drivers] = JSON.parse(stdout) as [string, string, string];
    return { answer: first, kinds: [first, second], drivers, cached: readdirSync(cache).length };
  } finally { rmSync(cache, { recursive: true }); }
}

const elsewhere = process.platform === "linux" && process.arch === "x64" ? false : "SwiftShader from npm is for x64 Linux only";

describe("the search on this machine", () => {
  it("falls back to SwiftShader in the same process when no driver works, again and again", { skip: elsewhere }, () => {
    const { kinds, drivers } = findInProcess({ VK_ICD_FILENAMES: "/nowhere.json", VK_DRIVER_FILES: "/nowhere.json" });
    assert.deepEqual(kinds, ["swiftshader", "swiftshader"]);
    assert.match(drivers, /vk_swiftshader_icd\.json$/);
  });

  it("takes SwiftShader when told to, whatever else there is", { skip: elsewhere }, () => {
    assert.deepEqual(findInProcess({ LORENZ_ADAPTER: "swiftshader" }).kinds, ["swiftshader", "swiftshader"]);
  });

  it("does not touch the user's drivers, nor unpack anything, when told to take another kind that is not there", () => {
    const { answer, drivers, cached } = findInProcess({ LORENZ_ADAPTER: "lavapipe", VK_ICD_FILENAMES: "/nowhere.json", VK_DRIVER_FILES: "/nowhere.json" });
    assert.match(answer, /^NO_ADAPTER .*expected lavapipe, as LORENZ_ADAPTER asks/);
    assert.deepEqual([drivers, cached], ["/nowhere.json", 0]);
  });
});

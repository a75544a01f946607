import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

import { type Sources, unpackSwiftShader } from "../../services/engine/gpu/swiftshader.ts";
import { entry, tar } from "../support/tar.ts";

const DRIVER = "libvk_swiftshader.so";
const LOADER = "libvulkan.so.1";
const ICD = "vk_swiftshader_icd.json";
const native = join("dist", `${process.platform}-${process.arch}`);

/** A small stand-in for the two packages: the same names, a few bytes each. */
function fakeSources(folder: string, archive: Buffer = tar(entry("libEGL.so", "egl"), entry(DRIVER, "driver"), entry(LOADER, "loader"), entry(ICD, "{}"))): Sources {
  const webgpu = join(folder, "webgpu");
  mkdirSync(join(webgpu, native), { recursive: true });
  writeFileSync(join(webgpu, "package.json"), '{"type":"module"}');
  writeFileSync(join(webgpu, "index.js"), "export {}");
  writeFileSync(join(webgpu, native, "dawn.node"), "dawn");
  const file = join(folder, "swiftshader.tar.br");
  writeFileSync(file, brotliCompressSync(archive));
  return { archive: file, webgpu };
}

describe("unpacking SwiftShader", () => {
  let folder: string;
  let cache: string;
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), "lorenz-test-")); cache = join(folder, "cache"); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const leftovers = (): string[] => readdirSync(cache).filter((name) => !name.startsWith("swiftshader-"));

  it("makes a webgpu package with driver and loader beside dawn.node, and nothing else", () => {
    const { icd, webgpu } = unpackSwiftShader([cache], fakeSources(folder));
    assert.equal(dirname(icd), join(dirname(webgpu), native));
    assert.deepEqual(readdirSync(dirname(icd)).sort(), ["dawn.node", DRIVER, LOADER, ICD].sort());
    assert.deepEqual(readdirSync(dirname(webgpu)).sort(), ["dist", "index.js", "manifest.json", "package.json"]);
    assert.equal(readFileSync(join(dirname(icd), DRIVER), "utf8"), "driver");
    assert.deepEqual(leftovers(), []);
  });

  it("is made once: a second call changes nothing", () => {
    const sources = fakeSources(folder);
    const { icd } = unpackSwiftShader([cache], sources);
    const before = statSync(icd, { bigint: true });
    rmSync(join(sources.webgpu, native, "dawn.node")); // making it anew would fail
    assert.equal(unpackSwiftShader([cache], sources).icd, icd);
    const after = statSync(icd, { bigint: true });
    assert.deepEqual([after.ino, after.mtimeNs], [before.ino, before.mtimeNs]);
  });

  const damages: Record<string, (root: string) => void> = {
    "a missing file": (root) => rmSync(join(root, native, LOADER)),
    "a truncated file": (root) => truncateSync(join(root, native, DRIVER), 3),
    "a changed byte": (root) => writeFileSync(join(root, native, DRIVER), "drivel"),
    "a missing manifest": (root) => rmSync(join(root, "manifest.json")),
    "a manifest that is not JSON": (root) => writeFileSync(join(root, "manifest.json"), '{"files'),
    "a manifest without files": (root) => writeFileSync(join(root, "manifest.json"), '{"files":{}}'),
    "an empty folder": (root) => { rmSync(root, { recursive: true }); mkdirSync(root); },
    "a file in place of the folder": (root) => { rmSync(root, { recursive: true }); writeFileSync(root, "?"); },
    "a folder that others can write": (root) => chmodSync(root, 0o777),
    "a link in place of the folder": (root) => { renameSync(root, `${root}-moved`); symlinkSync(`${root}-moved`, root); },
  };
  for (const [name, damage] of Object.entries(damages)) {
    it(`makes the cache anew after ${name}`, () => {
      const sources = fakeSources(folder);
      const { webgpu } = unpackSwiftShader([cache], sources);
      const root = dirname(webgpu);
      damage(root);
      unpackSwiftShader([cache], sources);
      assert.equal(readFileSync(join(root, native, DRIVER), "utf8"), "driver");
      assert.equal(readFileSync(join(root, native, LOADER), "utf8"), "loader");
      assert.equal(statSync(root).mode & 0o022, 0);
      assert.deepEqual(leftovers(), []);
    });
  }

  it("goes on to the next cache when one cannot be made or can be written by others", () => {
    const sources = fakeSources(folder);
    writeFileSync(join(folder, "file"), "");
    mkdirSync(join(folder, "open"));
    chmodSync(join(folder, "open"), 0o777);
    const { icd } = unpackSwiftShader([join(folder, "file", "cache"), join(folder, "open"), cache], sources);
    assert.ok(icd.startsWith(cache));
    assert.throws(() => unpackSwiftShader([join(folder, "file", "cache"), join(folder, "open")], sources), { code: "NO_ADAPTER", message: /ENOTDIR.*only this user can write.*XDG_CACHE_HOME/ });
  });

  it("keeps versions of the packages apart", () => {
    const first = unpackSwiftShader([cache], fakeSources(folder));
    const second = unpackSwiftShader([cache], fakeSources(folder, tar(entry(DRIVER, "newer"), entry(LOADER, "loader"), entry(ICD, "{}"))));
    assert.notEqual(first.icd, second.icd);
  });

  it("refuses a damaged archive, naming it, and leaves nothing behind", () => {
    const short = fakeSources(folder, tar(entry(DRIVER, "driver"), entry(LOADER, "loader")));
    assert.throws(() => unpackSwiftShader([cache, join(folder, "second")], short), { code: "NO_ADAPTER", message: /swiftshader\.tar\.br.*vk_swiftshader_icd\.json missing/ });
    const cut = fakeSources(folder);
    truncateSync(cut.archive, 20);
    assert.throws(() => unpackSwiftShader([cache], cut), { code: "NO_ADAPTER", message: /swiftshader\.tar\.br/ });
    rmSync(cut.archive);
    assert.throws(() => unpackSwiftShader([cache], cut), { code: "NO_ADAPTER", message: /npm ci/ });
    assert.deepEqual(readdirSync(cache), []);
  });

  it("gives all of several racing processes the same whole folder", async () => {
    const sources = fakeSources(folder, tar(entry(DRIVER, "d".repeat(4_000_000)), entry(LOADER, "loader"), entry(ICD, "{}")));
    const module = fileURLToPath(new URL("../../services/engine/gpu/swiftshader.ts", import.meta.url));
    const program = `import { unpackSwiftShader } from ${JSON.stringify(module)}; import { readFileSync } from "node:fs"; import { dirname, join } from "node:path";
      const { icd } = unpackSwiftShader([${JSON.stringify(cache)}], ${JSON.stringify(sources)}); console.log(readFileSync(join(dirname(icd), ${JSON.stringify(DRIVER)})).length, icd);`;
    const answers = await Promise.all(Array.from({ length: 4 }, () => output(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program])));
    assert.equal(new Set(answers).size, 1, answers.join("\n"));
    assert.match(answers[0]!, /^4000000 /);
    assert.deepEqual(leftovers(), []);
    assert.equal(readdirSync(cache).length, 1);
  });
});

function output(command: string, values: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, values, { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => { text += chunk.toString(); });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(text) : reject(new Error(`exit code ${code}: ${text}`))));
  });
}

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { isTexture, type KernelSpec, shaderRoot, source } from "../../services/engine/gpu/kernel.ts";

const root = join(shaderRoot, "..");
const names = readdirSync(shaderRoot, { recursive: true, encoding: "utf8" })
  .filter((f) => f.endsWith(".wgsl") && !f.startsWith("lib/"))
  .map((f) => f.replace(/\.wgsl$/, ""));

it("sees some shaders", () => assert.ok(names.length > 0));

for (const name of names) {
  describe(`shaders/${name}.wgsl`, () => {
    it("has a binding and a test of the same name, and a CPU twin", () => {
      for (const path of [`services/engine/kernels/${name}.ts`, `test/kernels/${name}.test.ts`]) {
        assert.ok(existsSync(join(root, path)), `missing ${path}`);
      }
      const text = readFileSync(join(shaderRoot, `${name}.wgsl`), "utf8");
      const twin = /^\/\/ twin\s+(\S+)/m.exec(text)?.[1];
      assert.ok(twin?.startsWith("services/engine/reference/") && existsSync(join(root, twin)), `twin named in the header does not exist: ${twin}`);
    });

    it("declares the interface its binding promises", async () => {
      const module = (await import(join(root, `services/engine/kernels/${name}.ts`))) as Record<string, unknown>;
      const specs = Object.values(module).flat().filter((v): v is KernelSpec => (v as KernelSpec)?.name === name);
      assert.ok(specs.length > 0, "exports no KernelSpec named after the file");
      for (const spec of specs) {
        const code = source(spec).text;
        const vars = [...code.matchAll(/@binding\((\d+)\)\s+var(?:<([^>]+)>)?\s+(\w+)(?:: (texture_\w+<\w+, \w+>))?/g)].map((m) => [Number(m[1]), m[2] ?? m[4], m[3]]);
        const fields = [...(/struct Params \{([^}]*)\}/.exec(code)?.[1] ?? "").matchAll(/^\s*(\w+)\s*:\s*(\w+)/gm)].map((m) => [m[1], m[2]]);
        assert.deepEqual(fields, Object.entries(spec.params));
        assert.deepEqual(vars, [
          [0, "uniform", "params"],
          ...spec.reads.map((n, i) => [1 + i, isTexture(spec, n) ? "texture_storage_2d<rgba32float, read>" : "storage, read", n]),
          ...spec.writes.map((n, i) => [1 + spec.reads.length + i, "storage, read_write", n]),
        ]);
        assert.deepEqual([...code.matchAll(/^override (\w+)/gm)].map((m) => m[1]), Object.keys(spec.constants));
        assert.equal(/^enable subgroups;/m.test(code), spec.subgroups ?? false);
      }
    });

    it("opens with the header block", () => {
      const text = readFileSync(join(shaderRoot, `${name}.wgsl`), "utf8");
      for (const field of ["in", "out", "grid", "err", "src", "twin"]) assert.match(text, new RegExp(`^// ${field}\\s`, "m"));
    });
  });
}

import assert from "node:assert/strict";
import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";

import { listClasses } from "../../../../services/lab/data/pictures/folder.ts";
import { temporaryFolder } from "../../../support/dataset-fixtures.ts";

it("100,000 files are listed in a bounded part of memory", async (t) => {
  const { folder, remove } = temporaryFolder();
  try {
    for (let k = 0; k < 4; k++) {
      mkdirSync(join(folder, `class${k}`));
      writeFileSync(join(folder, `class${k}`, "0.png"), "");
      for (let i = 1; i < 25_000; i++) linkSync(join(folder, `class${k}`, "0.png"), join(folder, `class${k}`, `${i}.png`));
    }
    const before = process.resourceUsage().maxRSS;
    const classes = await listClasses(folder, () => assert.fail("no links here"));
    const grown = (process.resourceUsage().maxRSS - before) / 1024;
    t.diagnostic(`peak memory grew by ${Math.round(grown)} MiB`);
    assert.deepEqual(classes.map(({ name, files }) => [name, files.length]), [0, 1, 2, 3].map((k) => [`class${k}`, 25_000]));
    assert.ok(grown < 100, `${grown} MiB`);
  } finally {
    remove();
  }
});

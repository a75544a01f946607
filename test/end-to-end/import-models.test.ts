import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { broughtMissing, CIFAR_SHAPE, CLEAN, EXACT_IMAGES, NORMALISATION, sha256Of, unpackCifar } from "../support/brought.ts";
import { assertMapsClose, limitOf } from "../support/cifar.ts";
import { assertClose } from "../support/close.ts";
import { golden, sharedFile } from "../support/shared.ts";
import { WholeServer } from "../support/whole-server.ts";

const RATE = "{ count n }";
const CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const FIRST = 20;

interface Case {
  readonly file: string;
  readonly architecture?: string;
  readonly format: string;
  readonly warnings: readonly string[];
  /** Images whose maps are compared: resnet20 is slow on a software adapter. */
  readonly maps: number;
  /** Radii /255 of the robust accuracy, rows of the stored table, and images. */
  readonly robust: { readonly radii: readonly [number, number][]; readonly images: number };
}

const MODELS: Readonly<Record<"resnet20" | "resnet2b", Case>> = {
  resnet20: { file: "resnet20-12fca82f.th", architecture: "CIFAR_RESNET20", format: "PYTORCH", warnings: [], maps: 5, robust: { radii: [[1, 0]], images: FIRST } },
  resnet2b: { file: "resnet_2b.onnx", format: "ONNX", warnings: ["FIXED_BATCH"], maps: FIRST, robust: { radii: [[2, 1], [8, 3]], images: 200 } },
};

/** Networks and images that are uploaded, as somebody would who has never seen the source; against PyTorch, Captum and torchattacks. */
describe("upload, import, audit", { skip: broughtMissing() }, () => {
  let server: WholeServer;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "lorenz-brought-"));
    server = await WholeServer.open();
  });
  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it("registers an upload of exact CIFAR-10 images", async () => {
    const file = await server.upload(readFileSync(unpackCifar(folder)));
    const { dataset } = await server.finish("registerDataset", { name: "cifar10-exact", from: { cifar: { set: "CIFAR10", files: { test: [file] } } }, licence: "research use" }, "dataset { name origin available testCount classes perClass { test } warnings { code } licence contentHash }");
    const { perClass, classes, contentHash, ...rest } = dataset;
    assert.deepEqual(rest, { name: "cifar10-exact", origin: "REGISTERED", available: true, testCount: EXACT_IMAGES, warnings: [], licence: "research use" });
    assert.equal(perClass.test.reduce((a: number, b: number) => a + b), EXACT_IMAGES);
    assert.deepEqual([classes.length, contentHash.length], [10, 64]);
  });

  for (const [name, { file, architecture, format, warnings, maps: count, robust }] of Object.entries(MODELS) as [keyof typeof MODELS, Case][]) {
    describe(file, () => {
      const first = { indices: Array.from({ length: FIRST }, (_, i) => i), correctOnly: false };
      const attribution = { method: "INTEGRATED_GRADIENTS", baseline: "BLACK", steps: 50 };
      let model: string;

      it("imports, with its golden accuracy", async () => {
        const bytes = sharedFile(`models/cifar10/${file}`);
        const upload = await server.upload(bytes);
        const { product } = await server.finish("importModel", {
          name, from: architecture ? { stateDict: { file: upload, architecture } } : { onnx: { file: upload } },
          dataset: "cifar10-exact", normalisation: NORMALISATION[name], golden: { dataset: "cifar10-exact", cleanAccuracy: CLEAN[name] },
        }, "product { id architecture format sha256 operators { operator count } warnings { code } inputShape classNames normalisation { mean std } golden { dataset expected measured { count n } passed } }");
        const { id, operators, golden: measured, classNames, ...facts } = product;
        assert.deepEqual(facts, { architecture: architecture ?? null, format, sha256: sha256Of(bytes), warnings: warnings.map((code) => ({ code })), inputShape: CIFAR_SHAPE.inputShape, normalisation: NORMALISATION[name] });
        assert.deepEqual([measured.passed, measured.dataset, measured.expected, measured.measured.n], [true, "cifar10-exact", CLEAN[name], EXACT_IMAGES]);
        assert.deepEqual(classNames, CIFAR10);
        assert.ok(operators.some(({ operator, count }: { operator: string; count: number }) => /conv/i.test(operator) && count > 5), JSON.stringify(operators));
        model = id;
      });

      it("gives Captum's integrated gradients", async (t) => {
        const { artifacts } = await server.finish("attributeImages", { model, selection: { ...first, indices: first.indices.slice(0, count) }, attribution }, "artifacts(kind: ATTRIBUTION, first: 200) { edges { node { image shape url } } }");
        const nodes = artifacts.edges.map((edge: any) => edge.node).sort((a: any, b: any) => a.image - b.image);
        assert.deepEqual(nodes.map(({ image, shape }: any) => [image, shape.join()]), first.indices.slice(0, count).map((i) => [i, "3,32,32"]));
        const maps = await Promise.all(nodes.map(async ({ url }: any) => new Float32Array(await (await fetch(`${server.server.url}${url}`)).arrayBuffer())));
        assertMapsClose(t, "integrated gradients", Float32Array.from(maps.flatMap((map) => [...map])), golden(`${name}/ig_gausslegendre50.npy`).data, limitOf(`${name}/ig_gausslegendre50.npy`));
      });

      it("has the Gini index of those maps, image by image and in the mean", async (t) => {
        const { imageResults, inequality } = await server.finish("measureInequality", { model, selection: first, attribution, measures: [{ global: { sign: "ABSOLUTE" } }, { regional: { block: 4 } }] },
          "imageResults(first: 200) { edges { node { measure image value } } } inequality { measure { name } gini { mean n } }");
        const stored = golden(`${name}/inequality_ig_gausslegendre50.npy`);
        for (const [measure, column] of [["global/absolute", 0], ["regional-4/abs-sum", 2]] as const) {
          const wanted = first.indices.map((i) => stored.data[i * stored.shape[1]! + column]!);
          const values = imageResults.edges.map((edge: any) => edge.node).filter((row: any) => row.measure === `gini/${measure}`).sort((a: any, b: any) => a.image - b.image).map(({ value }: any) => value as number);
          assertClose(values, wanted, { atol: 1e-3, rtol: 0 });
          const { gini } = inequality.find((row: any) => row.measure.name === measure);
          t.diagnostic(`${measure}: mean ${gini.mean.toFixed(5)}, Captum ${(wanted.reduce((a, b) => a + b) / FIRST).toFixed(5)}`);
          assertClose([gini.mean, gini.n], [wanted.reduce((a, b) => a + b) / FIRST, FIRST], { atol: 1e-3, rtol: 0 });
        }
      });

      it("falls to PGD as under torchattacks", async (t) => {
        const stored = golden(`${name}/pgd20_robust_correct.npy`);
        for (const [radius, row] of robust.radii) {
          const selection = { indices: Array.from({ length: robust.images }, (_, i) => i), correctOnly: false };
          const pgd = { epsilon: radius / 255, stepSize: radius / 255 / 4, steps: 20, randomStart: false };
          const { attacks } = await server.finish("attackModel", { model, selection, attack: { pgd }, keepExamples: 0 }, `attacks { placement accuracy ${RATE} }`);
          const wanted = Array.from(stored.data.subarray(row * 200, row * 200 + robust.images)).reduce((a, b) => a + b, 0);
          const [{ placement, accuracy }] = attacks;
          t.diagnostic(`${radius}/255: ${accuracy.count} of ${accuracy.n} right, torchattacks ${wanted}`);
          assert.ok(attacks.length === 1 && placement === "NONE" && accuracy.n === robust.images && Math.abs(accuracy.count - wanted) <= 2, JSON.stringify(attacks));
        }
      });

      it("exports to a file that is served, and predicts", async () => {
        const { exportedFile } = await server.finish("exportModel", { model, format: "SAFETENSORS" }, "exportedFile { url sha256 bytes }");
        const exported = new Uint8Array(await (await fetch(`${server.server.url}${exportedFile.url}`)).arrayBuffer());
        assert.deepEqual([sha256Of(exported), exported.length], [exportedFile.sha256, exportedFile.bytes]);
        const { predictions } = await server.finish("predict", { model, images: { dataset: { indices: [0, 1, 2] } }, topK: 1 }, "predictions { image label top { class name probability } }");
        const wanted = golden(`${name}/prediction.npy`).data;
        assert.deepEqual(predictions.map(({ image, top }: any) => [image, top[0].class, top[0].name]), [0, 1, 2].map((i) => [i, wanted[i], CIFAR10[wanted[i]!]]));
      });
    });
  }

  it("audits both on the same images", async () => {
    const { models } = await server.client.request<any>("{ models { edges { node { id name } } } }");
    const ids = models.edges.map((edge: any) => edge.node.id);
    const { accuracies, inequality } = await server.finish("audit", { models: ids, dataset: "cifar10-exact", sampleSize: 8, attribution: { steps: 8 }, attacks: [{ pgd: { epsilon: 2 / 255, steps: 3 } }, { inductiveNoise: { type: "II", k: [20] } }], keepExamples: 0, seed: "1" },
      `accuracies { model { name } clean ${RATE} } inequality { model { name } gini { mean n } }`);
    const right = (name: keyof typeof CLEAN): number => Array.from(golden(`${name}/clean_correct_1017.npy`).data).reduce((a, b) => a + b, 0);
    for (const { model, clean } of accuracies) assert.ok(Math.abs(clean.count - right(model.name)) <= 1 && clean.n === EXACT_IMAGES, `${model.name} ${clean.count}`);
    const gini = (name: string): number => inequality.find((row: any) => row.model.name === name).gini.mean;
    assert.ok(gini("resnet2b") > gini("resnet20") + 0.1, `${gini("resnet2b")} ${gini("resnet20")}`);
  });
});

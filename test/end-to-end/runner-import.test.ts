import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import type { ModelRef } from "../../schema/jobs/runner-message.ts";
import type { Prediction } from "../../schema/jobs/results.ts";
import { readSafetensors, writeSafetensors } from "../../services/lab/models/weights/safetensors.ts";
import { broughtMissing, CIFAR_FILES, CIFAR_SHAPE, CLEAN, EXACT_IMAGES, NORMALISATION, probabilities, unpackCifar } from "../support/brought.ts";
import { assertClose } from "../support/close.ts";
import { Bench, fixtures } from "../support/runner-bench.ts";
import { golden, sharedData, sharedPath } from "../support/shared.ts";

/** The probability of every class, in order of the classes. */
function inOrder({ top }: Prediction): number[] { return [...top].sort((a, b) => a.class - b.class).map(({ probability }) => probability); }

describe("a runner that reads published networks and data", { skip: broughtMissing() }, () => {
  let bench: Bench;
  before(() => { bench = new Bench(); });
  after(() => bench.close());
  const indices = Array.from({ length: 40 }, (_, i) => i);
  const clean = (count: number, cleanAccuracy: number) => ({ dataset: "cifar10-exact", count, cleanAccuracy });

  it("registers 1,017 exact images of CIFAR-10", async () => {
    const { report } = await bench.register("cifar10-exact", { kind: "cifar", set: "cifar10", files: { test: [{ path: unpackCifar(bench.folder) }] } });
    assert.deepEqual([report.inputShape, report.classes.length, report.train.count, report.test.count, report.warnings], [[3, 32, 32], 10, 0, EXACT_IMAGES, []]);
  });

  for (const { file, golden: name, architecture, format, parameters } of CIFAR_FILES) {
    describe(file, () => {
      const path = sharedPath(`models/cifar10/${file}`);
      const normalisation = { mean: [...NORMALISATION[name].mean], std: [...NORMALISATION[name].std] };
      let model: ModelRef;
      let predictions: Prediction[];

      it("has the accuracy that PyTorch gives it, to ±0.1 points", async (t) => {
        const from = architecture === null ? { kind: "onnx" as const, file: { path } } : { kind: "state-dict" as const, file: { path }, architecture };
        const imported = await bench.import({ from, inputShape: [...CIFAR_SHAPE.inputShape], classCount: CIFAR_SHAPE.classCount, normalisation, golden: clean(EXACT_IMAGES, CLEAN[name]) });
        ({ model } = imported);
        const { golden: measured, warnings, ...facts } = imported.found;
        assert.deepEqual([facts.format, facts.parameterCount, warnings.map(({ code }) => code)], [format, parameters, format === "onnx" ? ["FIXED_BATCH"] : []]);
        t.diagnostic(`${measured!.measured.count} of ${measured!.measured.n}`);
        assert.equal(measured!.passed, true);
        const right = Array.from(golden(`${name}/clean_correct_1017.npy`).data).reduce((a, b) => a + b, 0);
        assert.ok(Math.abs(measured!.measured.count - right) <= 1 && measured!.measured.n === EXACT_IMAGES, `${measured!.measured.count}, PyTorch ${right}`);
      });

      it("predicts PyTorch's probabilities for 40 images", async () => {
        predictions = await bench.predict(model, { kind: "dataset", dataset: "cifar10-exact", indices }, 10);
        const logits = golden(`${name}/logits.npy`).data;
        const wanted = indices.flatMap((i) => probabilities(logits.subarray(i * 10, i * 10 + 10)));
        assertClose(predictions.flatMap(inOrder), wanted, { atol: 1e-5, rtol: 2e-3 });
        assert.deepEqual(predictions.map(({ top }) => top[0]!.class), [...golden(`${name}/prediction.npy`).data]);
        assert.deepEqual(predictions.map(({ label }) => label), [...golden("common/labels.npy").data]);
      });

      it("predicts the same for the first image as a picture file", async () => {
        const [picture] = await bench.predict(model, { kind: "files", files: [{ path: join(sharedData, "foolbox-samples/cifar10_00_3.png") }] }, 10);
        assert.deepEqual(picture, { modelId: model.id, image: 0, label: null, top: predictions[0]!.top });
      });

      it("exported and imported again predicts the same", async () => {
        for (const target of ["safetensors", "onnx"] as const) {
          const { finished } = await bench.finish({ kind: "export-model", model: model.id, format: target }, [model]);
          const exported = { sha256: finished.file!.sha256 };
          // Lorenz's ONNX normalises in its graph; weights from an ONNX file have no architecture by name, and need none here.
          if (target === "safetensors" && architecture === null) continue;
          const again = target === "onnx"
            ? await bench.import({ from: { kind: "onnx", file: exported }, normalisation: { mean: [0, 0, 0], std: [1, 1, 1] } })
            : await bench.import({ from: { kind: "state-dict", file: exported, architecture: architecture! }, inputShape: [...CIFAR_SHAPE.inputShape], classCount: CIFAR_SHAPE.classCount, normalisation });
          assert.deepEqual(again.found.warnings, []);
          const repeated = await bench.predict(again.model, { kind: "dataset", dataset: "cifar10-exact", indices }, 10);
          if (target === "safetensors") assert.deepEqual(repeated.map(({ top }) => top), predictions.map(({ top }) => top));
          else assertClose(repeated.flatMap(inOrder), predictions.flatMap(inOrder), { atol: 1e-5, rtol: 1e-3 });
        }
      });
    });
  }

  describe("SqueezeNet 1.1", () => {
    const reference = JSON.parse(readFileSync(join(fixtures, "goldens/torch-squeezenet.json"), "utf8")) as { predicted: number[]; top: Record<string, [number, number][]> };
    const tried = Array.from({ length: 20 }, (_, i) => 10 * i);
    const images = { kind: "dataset" as const, dataset: "imagenette", indices: tried };

    it("Imagenette is registered with torchvision's labels", async () => {
      const { report } = await bench.register("imagenette", { kind: "imagenet", root: join(sharedData, "imagenette-val-200") });
      assert.deepEqual([report.inputShape, report.classes.length, report.test.count], [[3, 224, 224], 1000, 200]);
    });

    it("stops reading a data set when cancelled", async () => {
      // So large that it is streamed; small sets are in memory before there is anything to report.
      const begin = bench.start({ kind: "register-dataset", name: "cancelled", from: { kind: "imagenet", root: join(sharedData, "imagenette-val-200"), transform: { resize: 1024, crop: 1024 } } });
      const from = bench.runner.received.length;
      bench.runner.send(begin);
      const { done, total } = await bench.runner.next(from, "progress");
      bench.runner.send({ type: "cancel", runId: begin.runId });
      assert.ok(done < total, `${done} of ${total}`);
      assert.equal((await bench.runner.next(from, "finished", "failed", "cancelled")).type, "cancelled");
    });

    for (const format of ["safetensors", "onnx"] as const) {
      it(`${format}: torchvision's five most probable classes of 20 photographs`, async (t) => {
        const path = sharedPath(`models/squeezenet1.1/squeezenet1.1.${format}`);
        const from = format === "onnx" ? { kind: "onnx" as const, file: { path } } : { kind: "state-dict" as const, file: { path }, architecture: "squeezenet1-1" as const };
        const { mean, std } = NORMALISATION.squeezenet;
        const { model, found } = await bench.import({ from, normalisation: { mean: [...mean], std: [...std] }, inputShape: [3, 224, 224], classCount: 1000 });
        assert.deepEqual([found.parameterCount, found.warnings], [1_235_496, []]);
        const predictions = await bench.predict(model, images);
        const worst = predictions.map(({ top }, i) => {
          const wanted = reference.top[tried[i]!]!;
          assertClose(top.map(({ probability }) => probability), wanted.map(([, probability]) => probability), { atol: 1e-5, rtol: 2e-3 });
          // Classes whose probabilities agree to a few digits may change places.
          for (const [k, entry] of top.entries()) assert.ok(wanted.some(([label, probability]) => label === entry.class && Math.abs(probability - entry.probability) < 2e-3) || wanted[k]![1] < 1e-3, `image ${tried[i]}: ${JSON.stringify(top)}`);
          return Math.abs(top[0]!.probability - wanted[0]![1]);
        });
        t.diagnostic(`largest probability: worst difference ${Math.max(...worst).toExponential(1)}`);
        assert.deepEqual(predictions.map(({ top }) => top[0]!.class), tried.map((image) => reference.predicted[image]));
      });
    }
  });
});

describe("a runner that reads what is wrong or odd", () => {
  let bench: Bench;
  before(async () => {
    bench = new Bench();
    const images = { images: { path: join(fixtures, "goldens/resnet2b_first2/images_u8.npy") }, labels: { path: join(fixtures, "goldens/resnet2b_first2/labels.npy") } };
    await bench.register("two", { kind: "npy", test: images, classCount: 10 });
  });
  after(() => bench.close());

  const weights = join(fixtures, "goldens/resnet2b_first2/resnet2b.safetensors");
  const shape = { inputShape: [3, 32, 32] as [number, number, number], classCount: 10, normalisation: { mean: [...NORMALISATION.resnet2b.mean], std: [...NORMALISATION.resnet2b.std] } };
  const ofPath = (path: string, architecture: "cifar-resnet-2b" | "cifar-resnet20" = "cifar-resnet-2b") => ({ from: { kind: "state-dict" as const, file: { path }, architecture }, ...shape });
  const failed = (input: ReturnType<typeof ofPath>) => bench.fail({ kind: "import-model", name: "wrong", ...input });
  const both = { kind: "dataset" as const, dataset: "two", indices: [0, 1] };

  /** The two-block network with each tensor as `change` makes it. */
  function changed(name: string, change: (name: string, value: number, i: number) => number): string {
    const { tensors } = readSafetensors(readFileSync(weights));
    const path = join(bench.folder, `${name}.safetensors`);
    writeFileSync(path, writeSafetensors(new Map([...tensors].map(([key, { shape: sides, data }]) => [key, { shape: sides, data: data.map((value, i) => change(key, value, i)) }]))));
    return path;
  }

  it("names every tensor that another architecture lacks or has too many", async () => {
    const { code, message, details } = await failed(ofPath(weights, "cifar-resnet20"));
    assert.equal(code, "MODEL_MISMATCH");
    const { missing, surplus, misshapen } = details as Record<string, string[]>;
    assert.ok(missing!.includes("layer3.2.bn2.running_var") && missing!.includes("bn1.weight") && surplus!.includes("linear1.weight"), JSON.stringify(details));
    assert.ok(misshapen!.some((text) => text.startsWith("conv1.weight (expected [16, 3, 3, 3], got [8, 3, 3, 3])")), String(misshapen));
    assert.match(message, /weights: expected the architecture's \d+ tensors, got \d+ missing: .*surplus: .*misshapen: /);
  });

  it("keeps a network whose weights are not finite, with warnings, and says why it cannot predict", async () => {
    const { model, found, messages } = await bench.import(ofPath(changed("nan", (name, value, i) => (name === "linear2.bias" && i === 3 ? NaN : value))));
    assert.deepEqual(found.warnings.map(({ code }) => code), ["NAN_WEIGHTS", "NON_FINITE_OUTPUTS"]);
    assert.match(found.warnings[0]!.message, /^1 tensors hold NaN or infinite numbers: linear2\.bias\.$/);
    assert.ok(messages.some((message) => message.type === "note" && message.message.startsWith("NAN_WEIGHTS: ")));
    const { code, message } = await bench.fail({ kind: "predict", model: model.id, images: both }, [model]);
    assert.equal(code, "MODEL_UNSUPPORTED");
    assert.match(message, /expected finite scores, got NaN or infinities/);
  });

  it("warns of a network that gives every picture the same scores", async () => {
    const { found } = await bench.import(ofPath(changed("constant", (name, value) => (name === "linear1.weight" ? 0 : value))));
    assert.deepEqual(found.warnings.map(({ code }) => code), ["CONSTANT_OUTPUTS"]);
  });

  it("warns of a normalisation made for 0 … 255", async () => {
    const { found } = await bench.import({ ...ofPath(weights), normalisation: { mean: [125.3, 123, 113.9], std: [63, 62.1, 66.7] } });
    assert.ok(found.warnings.some(({ code, message }) => code === "INPUT_RANGE" && message.includes("Divide them by 255")), JSON.stringify(found.warnings));
  });

  it("warns of a normalisation that nobody stated, and of two that differ", async () => {
    const ofDataset = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25], from: "dataset" as const };
    const assumed = await bench.import({ ...ofPath(weights), normalisation: ofDataset });
    assert.deepEqual([assumed.found.warnings.map(({ code }) => code), assumed.found.normalisation], [["NORMALISATION_ASSUMED"], { mean: ofDataset.mean, std: ofDataset.std }]);
    const { tensors } = readSafetensors(readFileSync(weights));
    const path = join(bench.folder, "robustness.safetensors");
    const own = { mean: [0.25, 0.5, 0.75], std: [0.5, 0.25, 0.125] };
    const stated = new Map([["normalizer.new_mean", own.mean], ["normalizer.new_std", own.std]].map(([name, values]) => [name as string, { shape: [3, 1, 1], data: Float32Array.from(values as number[]) }]));
    writeFileSync(path, writeSafetensors(new Map([...[...tensors].map(([name, tensor]) => [`module.model.${name}`, tensor] as const), ...stated])));
    const file = await bench.import({ ...ofPath(path), normalisation: ofDataset });
    assert.deepEqual([file.found.warnings.map(({ code }) => code), file.found.normalisation], [["NORMALISATION_DIFFERS"], own]);
    const request = await bench.import(ofPath(path));
    assert.deepEqual([request.found.warnings.map(({ code }) => code), request.found.normalisation], [["NORMALISATION_DIFFERS"], shape.normalisation]);
  });

  it("says aloud that a golden was missed, and keeps the model", async () => {
    const { found, messages, model } = await bench.import({ ...ofPath(weights), golden: { dataset: "two", cleanAccuracy: 0.75, tolerance: 0.1 } });
    const { passed, expected, measured } = found.golden!;
    const right = (await bench.predict(model, both)).filter(({ label, top }) => top[0]!.class === label).length;
    assert.deepEqual([passed, expected, measured.count, measured.n], [false, 0.75, right, 2]);
    assert.match(found.warnings.find(({ code }) => code === "GOLDEN_MISMATCH")!.message, /^Expected 75\.00 % ± 10\.00 % right on two\/test, measured \d+\.00 % \(\d of 2\)/);
    assert.ok(messages.some((message) => message.type === "note" && message.message.startsWith("GOLDEN_MISMATCH: ")));
  });

  it("refuses paths that it may not or cannot read by name", async () => {
    for (const [path, expected] of [["/etc/hostname", /inside .*LORENZ_IMPORT_ROOTS/], [join(bench.folder, "none.pt"), /that exists and can be read/], [bench.folder, /expected a file, got a folder/], ["relative.pt", /absolute path/]] as const) {
      const { code, message } = await failed(ofPath(path));
      assert.equal(code, "INVALID_INPUT", message);
      assert.match(message, expected);
    }
    const pipe = join(bench.folder, "pipe");
    execFileSync("mkfifo", [pipe]); // nobody ever writes to it
    assert.match((await failed(ofPath(pipe))).message, /expected a file, got a device or pipe/);
    const text = join(bench.folder, "notes.txt");
    writeFileSync(text, "these are no weights");
    assert.equal((await failed(ofPath(text))).code, "WEIGHTS_UNSUPPORTED");
    const { model } = await bench.import(ofPath(weights));
    const { code, message } = await bench.fail({ kind: "predict", model: model.id, images: { kind: "files", files: [{ path: text }] } }, [model]);
    assert.match(`${code} ${message}`, /^\w+ images\.files\[0\]/);
  });

  it("stops in the middle of a golden when cancelled, and does the next run", async () => {
    const begin = bench.start({ kind: "import-model", name: "long", ...ofPath(weights), golden: { dataset: "two", indices: new Array<number>(10_000).fill(0), cleanAccuracy: 1 } });
    const from = bench.runner.received.length;
    bench.runner.send(begin);
    const { phase, done, total } = await bench.runner.next(from, "progress");
    bench.runner.send({ type: "cancel", runId: begin.runId });
    assert.ok(phase === "golden accuracy" && done < total, `${phase} ${done} of ${total}`);
    assert.equal((await bench.runner.next(from, "finished", "failed", "cancelled")).type, "cancelled");
    assert.equal((await bench.predict((await bench.import(ofPath(weights))).model, both)).length, 2);
  });
});

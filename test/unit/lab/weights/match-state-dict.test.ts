import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { AppError } from "../../../../services/common/errors.ts";
import { matchStateDict } from "../../../../services/lab/models/weights/match-state-dict.ts";
import type { NamedTensor } from "../../../../services/lab/models/weights/tensor-file.ts";

const expected = new Map([["conv1.weight", [4, 3, 1, 1]], ["layer1.0.conv1.weight", [2, 2]], ["fc.weight", [5, 4]], ["fc.bias", [5]]]);

function tensor(shape: readonly number[], first = 0): NamedTensor {
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => first + i) };
}

/** The expected tensors, each with values of its own, behind a prefix. */
function weights(prefix = ""): [string, NamedTensor][] { return [...expected].map(([name, shape], i) => [prefix + name, tensor(shape, 100 * i)]); }

function refusal(tensors: readonly (readonly [string, NamedTensor])[], of: ReadonlyMap<string, readonly number[]> = expected): AppError {
  try {
    matchStateDict(new Map(tensors), of);
  } catch (error) {
    return error as AppError;
  }
  throw new Error("expected a refusal");
}

describe("what stands before the names is found and dropped", () => {
  for (const prefix of ["", "module.", "model.", "attacker.model.", "module.attacker.model.", "1.", "module.1.", "_orig_mod.module.", "net.module.model."]) {
    it(`"${prefix}"`, () => {
      const matched = matchStateDict(new Map(weights(prefix).reverse()), expected);
      assert.deepEqual([...matched.tensors], weights());
      assert.equal(matched.prefix, prefix.replace("_orig_mod.", ""));
      assert.deepEqual(matched.copies, []);
      assert.equal(matched.normalisation, undefined);
    });
  }

  it("also where most names are missing", () => assert.deepEqual(refusal([["module.fc.bias", tensor([5])]]).details, { missing: ["conv1.weight", "layer1.0.conv1.weight", "fc.weight"] }));
});

describe("what belongs to no layer", () => {
  const mean: NamedTensor = { shape: [1, 3, 1, 1], data: Float32Array.of(0.5, 0.25, 0.75) };
  const std: NamedTensor = { shape: [1, 3, 1, 1], data: Float32Array.of(0.25, 0.5, 1) };
  const normalisation = { mean: [0.5, 0.25, 0.75], std: [0.25, 0.5, 1] };

  it("batch counters are ignored", () => assert.equal(matchStateDict(new Map([...weights(), ["bn1.num_batches_tracked", tensor([])]]), expected).tensors.size, 4));

  for (const [means, stds, prefix] of [["normalizer.new_mean", "normalizer.new_std", "model."], ["module.normalizer.new_mean", "module.normalizer.new_std", "module.model."], ["normalize.mean", "normalize.std", "model."], ["0.mean", "0.std", "1."], ["mean", "std", ""], ["module.mu", "module.sigma", "module."]] as const) {
    it(`${means} and ${stds} are the input normalisation`, () =>
      assert.deepEqual(matchStateDict(new Map([...weights(prefix), [means, mean], [stds, std]]), expected).normalisation, normalisation));
  }

  it("the model of robustness, with its attacker's copy of everything", () => {
    const normalisers = ["module.normalizer.", "module.attacker.normalize."].flatMap((stem): [string, NamedTensor][] => [[`${stem}new_mean`, mean], [`${stem}new_std`, std]]);
    const matched = matchStateDict(new Map([...normalisers, ...weights("module.attacker.model."), ...weights("module.model.")]), expected);
    assert.deepEqual([matched.prefix, matched.normalisation, matched.copies.length, [...matched.tensors]], ["module.model.", normalisation, 4, weights()]);
  });

  it("a copy that differs is contradictory", () => {
    const other = weights("b.model.").map(([name, { shape, data }]): [string, NamedTensor] => [name, { shape, data: data.map((v) => (name.endsWith("bias") ? v + 1 : v)) }]);
    assert.deepEqual(refusal([...weights("model."), ...other]).details, { contradictory: ["b.model.fc.bias (differs from model.fc.bias)"] });
  });

  it("so is another normalisation", () =>
    assert.deepEqual(refusal([...weights(), ["normalizer.mean", mean], ["normalizer.std", std], ["mean", std], ["std", std]]).details, { contradictory: ["mean (differs from normalizer.mean, normalizer.std)", "std (differs from normalizer.mean, normalizer.std)"] }));

  for (const [what, extra] of [["a mean without its std", [["normalizer.mean", mean]]], ["a std of 0", [["normalizer.mean", mean], ["normalizer.std", { shape: [3], data: Float32Array.of(1, 0, 1) }]]], ["the mean of a hidden layer", [["whiten.mean", mean], ["whiten.std", std]]], ["a mean that is an image", [["normalizer.mean", tensor([2, 2])], ["normalizer.std", tensor([2, 2], 1)]]]] as const) {
    it(`${what} is surplus`, () => assert.deepEqual(refusal([...weights(), ...extra]).details, { surplus: extra.map(([name]) => name) }));
  }
});

describe("names of older files", () => {
  it("the first DenseNets of torchvision", () => {
    const names = ["features.denseblock1.denselayer12.norm1.weight", "features.denseblock1.denselayer12.conv2.weight"];
    const old = names.map((name) => name.replace(/(norm|conv)(\d)/, "$1.$2"));
    assert.deepEqual([...matchStateDict(new Map(old.map((name) => [`module.${name}`, tensor([2])])), new Map(names.map((name) => [name, [2]]))).tensors.keys()], names);
  });
  it("VGG with its features alone in DataParallel", () => {
    const vgg = new Map([["features.0.weight", [2]], ["classifier.0.weight", [2]]]);
    assert.deepEqual([...matchStateDict(new Map([["features.module.0.weight", tensor([2])], ["classifier.0.weight", tensor([2])]]), vgg).tensors.keys()], [...vgg.keys()]);
  });
});

describe("shapes", () => {
  it("a 1×1 convolution stands for a linear layer and the other way round", () => {
    const { tensors } = matchStateDict(new Map([...weights(), ["conv1.weight", tensor([4, 3])], ["fc.weight", tensor([5, 4, 1, 1])]]), expected);
    assert.deepEqual([tensors.get("conv1.weight"), tensors.get("fc.weight")], [tensor([4, 3, 1, 1]), tensor([5, 4])]);
  });
  it("but not when the order of sides differs", () => assert.deepEqual(refusal([...weights(), ["fc.weight", tensor([4, 5])]]).details, { misshapen: ["fc.weight (expected [5, 4], got [4, 5])"] }));
});

describe("what does not fit is reported at once", () => {
  const broken = weights("module.").filter(([name]) => !name.endsWith("bias"));
  const error = refusal([...broken, ["module.fc.weight", tensor([10, 4])], ["module.aux.weight", tensor([1])], ["loose", tensor([1])]]);

  it("with every name in the details", () => {
    assert.equal(error.code, "MODEL_MISMATCH");
    assert.deepEqual(error.details, { missing: ["fc.bias"], surplus: ["module.aux.weight", "loose"], misshapen: ["fc.weight (expected [5, 4], got [10, 4])"] });
  });
  it("and in the message", () => assert.equal(error.message, 'weights: expected the architecture\'s 4 tensors after "module.", got 1 missing: fc.bias; 2 surplus: module.aux.weight, loose; 1 misshapen: fc.weight (expected [5, 4], got [10, 4]); name the architecture and the number of classes that the file was made with'));
  it("of which the message lists the first ten", () => assert.match(refusal(Array.from({ length: 12 }, (_, i) => [`x${i}`, tensor([1])] as const)).message, /12 surplus: x0, .*x9, …;/));
  it("an empty file misses everything", () => assert.deepEqual(refusal([]).details, { missing: [...expected.keys()] }));
});

it("takes twenty thousand names of nothing but dots in its stride", () => {
  const names = Array.from({ length: 20_000 }, (_, i): [string, NamedTensor] => [`${".".repeat(400)}${i}.mean`, tensor([1])]);
  const { details, message } = refusal([...names, ["a.".repeat(500_000), tensor([1])]]);
  assert.equal((details["surplus"] as string[]).length, 10_000);
  assert.ok(message.length < 10_000);
});

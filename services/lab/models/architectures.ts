import { ARCHITECTURE_TITLES, type ArchitectureName } from "../../../schema/jobs/architecture.ts";
import { AppError } from "../../common/errors.ts";
import { EngineError } from "../../engine/errors.ts";
import type { Architecture, ModelShape } from "./architecture.ts";
import { densenet, KUANGLIU as KUANGLIU_DENSENET, TORCHVISION as TORCHVISION_DENSENET } from "./architectures/densenet.ts";
import { cifarMobilenet, MOBILENET, MOBILENET_V2, mobilenetV2 } from "./architectures/mobilenet.ts";
import { preactResnet } from "./architectures/preact-resnet.ts";
import { KUANGLIU as KUANGLIU_RESNET, resnet, TORCHVISION as TORCHVISION_RESNET } from "./architectures/resnet.ts";
import { smallCnn } from "./architectures/small-cnn.ts";
import { squeezenet } from "./architectures/squeezenet.ts";
import { thinResnet } from "./architectures/thin-resnet.ts";
import { tinyCnn } from "./architectures/tiny-cnn.ts";
import { verifiedResnet } from "./architectures/verified-resnet.ts";
import { cifarVgg, vgg, VGG11, VGG13, VGG16 } from "./architectures/vgg.ts";
import { vit } from "./architectures/vit.ts";
import { wideResnet } from "./architectures/wide-resnet.ts";

/** An architecture and what its checkpoints were made with; it can be built for other images and classes, too. */
export interface NamedArchitecture extends Architecture {
  readonly published: ModelShape;
  /** Where names, initialisation and normalisation are from. */
  readonly source: string;
  /** Tensors that checkpoints hold although the network computes nothing with them. */
  readonly unused?: RegExp;
}

type Entry = Omit<NamedArchitecture, "title">;
type Setting = Omit<Entry, "build">;

const digits: Setting = { published: { inputShape: [1, 28, 28], classCount: 10, mean: [0.1307], std: [0.3081] }, source: "Lorenz; MNIST's mean and deviation" };

const IMAGENET = { inputShape: [3, 224, 224], classCount: 1000, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const torchvision: Setting = { published: IMAGENET, source: "github.com/pytorch/vision" };
/** DeiT's checkpoints are normalised as IMAGENET. */
const timm: Setting = { published: { ...IMAGENET, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }, source: "github.com/huggingface/pytorch-image-models" };

const CIFAR = { inputShape: [3, 32, 32], classCount: 10 } as const;
const kuangliu: Setting = { published: { ...CIFAR, mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] }, source: "github.com/kuangliu/pytorch-cifar" };
const akamaster: Setting = { published: { ...CIFAR, mean: IMAGENET.mean, std: IMAGENET.std }, source: "github.com/akamaster/pytorch_resnet_cifar10" };
const robustbench: Setting = { published: { ...CIFAR, mean: [0, 0, 0], std: [1, 1, 1] }, source: "github.com/RobustBench/robustbench" };
const normalisedRobustbench: Setting = { published: { ...CIFAR, mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] }, source: robustbench.source };
const crown: Setting = { published: normalisedRobustbench.published, source: "github.com/Verified-Intelligence/alpha-beta-CROWN" };
const cifarTimm: Setting = { published: { ...CIFAR, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }, source: timm.source };

/** TRADES' code makes a second first block and never runs it. */
const SUB_BLOCK = /(?:^|\.)sub_block1\./;

const entries: Readonly<Record<ArchitectureName, Entry>> = {
  "tiny-cnn": { ...digits, build: tinyCnn },
  "small-cnn": { ...digits, build: smallCnn() },
  "resnet18": { ...torchvision, build: resnet(TORCHVISION_RESNET, { kind: "basic", blocks: [2, 2, 2, 2] }) },
  "resnet34": { ...torchvision, build: resnet(TORCHVISION_RESNET, { kind: "basic", blocks: [3, 4, 6, 3] }) },
  "resnet50": { ...torchvision, build: resnet(TORCHVISION_RESNET, { kind: "bottleneck", blocks: [3, 4, 6, 3] }) },
  "resnet101": { ...torchvision, build: resnet(TORCHVISION_RESNET, { kind: "bottleneck", blocks: [3, 4, 23, 3] }) },
  "wide-resnet50-2": { ...torchvision, build: resnet(TORCHVISION_RESNET, { kind: "bottleneck", blocks: [3, 4, 6, 3], widen: 2 }) },
  "cifar-resnet18": { ...kuangliu, build: resnet(KUANGLIU_RESNET, { kind: "basic", blocks: [2, 2, 2, 2] }) },
  "cifar-resnet34": { ...kuangliu, build: resnet(KUANGLIU_RESNET, { kind: "basic", blocks: [3, 4, 6, 3] }) },
  "cifar-resnet50": { ...kuangliu, build: resnet(KUANGLIU_RESNET, { kind: "bottleneck", blocks: [3, 4, 6, 3] }) },
  "cifar-preact-resnet18": { ...kuangliu, build: preactResnet({ shortcut: "activated", lastNorm: false, blocks: [2, 2, 2, 2] }) },
  "cifar-preact-resnet18-wong2020": { ...normalisedRobustbench, build: preactResnet({ shortcut: "input", lastNorm: false, blocks: [2, 2, 2, 2] }) },
  "cifar-preact-resnet18-rice2020": { ...normalisedRobustbench, build: preactResnet({ shortcut: "activated", lastNorm: true, blocks: [2, 2, 2, 2] }) },
  "cifar-wide-resnet28-10": { ...robustbench, build: wideResnet({ depth: 28, widen: 10 }), unused: SUB_BLOCK },
  "cifar-wide-resnet34-10": { ...robustbench, build: wideResnet({ depth: 34, widen: 10 }), unused: SUB_BLOCK },
  "cifar-resnet20": { ...akamaster, build: thinResnet(3) },
  "cifar-resnet32": { ...akamaster, build: thinResnet(5) },
  "cifar-resnet44": { ...akamaster, build: thinResnet(7) },
  "cifar-resnet56": { ...akamaster, build: thinResnet(9) },
  "cifar-resnet-2b": { ...crown, build: verifiedResnet({ width: 8, stages: 1 }) },
  "cifar-resnet-4b": { ...crown, build: verifiedResnet({ width: 16, stages: 2 }) },
  "densenet121": { ...torchvision, build: densenet(TORCHVISION_DENSENET, { growth: 32, blocks: [6, 12, 24, 16] }) },
  "cifar-densenet": { ...kuangliu, build: densenet(KUANGLIU_DENSENET, { growth: 12, blocks: [6, 12, 24, 16] }) },
  "cifar-densenet121": { ...kuangliu, build: densenet(KUANGLIU_DENSENET, { growth: 32, blocks: [6, 12, 24, 16] }) },
  "vgg11": { ...torchvision, build: vgg({ stages: VGG11, norm: false }) },
  "vgg11-bn": { ...torchvision, build: vgg({ stages: VGG11, norm: true }) },
  "vgg13": { ...torchvision, build: vgg({ stages: VGG13, norm: false }) },
  "vgg13-bn": { ...torchvision, build: vgg({ stages: VGG13, norm: true }) },
  "vgg16": { ...torchvision, build: vgg({ stages: VGG16, norm: false }) },
  "vgg16-bn": { ...torchvision, build: vgg({ stages: VGG16, norm: true }) },
  "cifar-vgg11-bn": { ...kuangliu, build: cifarVgg(VGG11) },
  "cifar-vgg13-bn": { ...kuangliu, build: cifarVgg(VGG13) },
  "cifar-vgg16-bn": { ...kuangliu, build: cifarVgg(VGG16) },
  "cifar-mobilenet": { ...kuangliu, build: cifarMobilenet(MOBILENET) },
  "mobilenet-v2": { ...torchvision, build: mobilenetV2(MOBILENET_V2) },
  "squeezenet1-1": { ...torchvision, build: squeezenet },
  "vit-tiny": { ...timm, build: vit({ patch: 16, width: 192, depth: 12, heads: 3 }) },
  "vit-small": { ...timm, build: vit({ patch: 16, width: 384, depth: 12, heads: 6 }) },
  "cifar-vit-tiny": { ...cifarTimm, build: vit({ patch: 4, width: 192, depth: 12, heads: 3 }) },
  "cifar-vit-small": { ...cifarTimm, build: vit({ patch: 4, width: 384, depth: 12, heads: 6 }) },
};

/**
 * Every architecture that can be trained or loaded, by its name in configs. They build for other images and classes than
 * they were published for. @throws AppError INVALID_INPUT from `build` for images that their layers do not fit.
 */
export const architectures = Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, named(name as ArchitectureName, entry)])) as Readonly<Record<ArchitectureName, NamedArchitecture>>;

function named(name: ArchitectureName, { build, ...entry }: Entry): NamedArchitecture {
  return {
    ...entry, title: ARCHITECTURE_TITLES[name],
    build: (builder, shape) => {
      try {
        return build(builder, shape);
      } catch (cause) {
        if (!(cause instanceof EngineError) || cause.code !== "SHAPE_MISMATCH") throw cause;
        const [size, usual] = [shape.inputShape, entry.published.inputShape].map((sides) => sides.join("×"));
        throw new AppError("INVALID_INPUT", `${name}: expected images that all its layers fit, got ${size} (${cause.message}); ${usual} is what it was made for`, { architecture: name, inputShape: shape.inputShape }, { cause });
      }
    },
  };
}

/** @throws AppError INVALID_INPUT naming the known ones. */
export function architectureNamed(name: string): NamedArchitecture {
  if (Object.hasOwn(architectures, name)) return architectures[name as ArchitectureName];
  throw new AppError("INVALID_INPUT", `architecture: expected one of ${Object.keys(architectures).join(", ")}, got ${name}`, { architecture: name });
}

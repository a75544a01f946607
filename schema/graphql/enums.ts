import { registerEnumType } from "type-graphql";

import { ARCHITECTURE_NAMES, ARCHITECTURE_TITLES, type ArchitectureName } from "../jobs/architecture.ts";

/**
 * GraphQL's SCREAMING names for the words of the job schema: key = name in the API, value = word in config and SQL, so
 * that resolvers and inputs see the job schema's words and nothing is mapped by hand.
 */
export const RunKindEnum = { TRAIN: "train", ATTRIBUTE: "attribute", INEQUALITY: "inequality", ATTACK: "attack", AUDIT: "audit", IMPORT_MODEL: "import-model", REGISTER_DATASET: "register-dataset", EXPORT_MODEL: "export-model", PREDICT: "predict" } as const;
export const RunStatusEnum = { QUEUED: "queued", RUNNING: "running", SUCCEEDED: "succeeded", FAILED: "failed", CANCELLED: "cancelled" } as const;
type Screaming<Word extends string> = Word extends `${infer First}-${infer Rest}` ? `${Uppercase<First>}_${Screaming<Rest>}` : Uppercase<Word>;
function screaming(word: string): string { return word.toUpperCase().replaceAll("-", "_"); }
/** So many that the rule is written instead: RESNET18 for "resnet18". */
export const ArchitectureEnum = Object.fromEntries(ARCHITECTURE_NAMES.map((name) => [screaming(name), name])) as { readonly [Name in ArchitectureName as Screaming<Name>]: Name };
export const SplitEnum = { TRAIN: "train", TEST: "test" } as const;
export const ModelFormatEnum = { SAFETENSORS: "safetensors", PYTORCH: "pytorch", ONNX: "onnx" } as const;
export const ExportFormatEnum = { SAFETENSORS: "safetensors", ONNX: "onnx" } as const;
export const DatasetOriginEnum = { BUILT_IN: "built-in", REGISTERED: "registered" } as const;
export const CifarSetEnum = { CIFAR10: "cifar10", CIFAR100: "cifar100" } as const;
export const CifarLabelsEnum = { FINE: "fine", COARSE: "coarse" } as const;
export const ArrayLayoutEnum = { AUTO: "auto", NHWC: "nhwc", NCHW: "nchw" } as const;
export const ColourEnum = { RGB: "rgb", GREY: "grey" } as const;
export const InterpolationEnum = { BILINEAR: "bilinear", BICUBIC: "bicubic" } as const;
export const NormEnum = { LINF: "linf", L2: "l2" } as const;
export const NoiseTypeEnum = { I: "I", II: "II" } as const;
export const NoiseLawEnum = { GAUSSIAN: "gaussian", UNIFORM: "uniform" } as const;
export const AttributionMethodEnum = { SALIENCY: "saliency", INPUT_X_GRADIENT: "input-x-gradient", INTEGRATED_GRADIENTS: "integrated-gradients" } as const;
export const PathRuleEnum = { GAUSS_LEGENDRE: "gauss-legendre", TRAPEZOID: "trapezoid" } as const;
export const BaselineEnum = { MEAN: "mean", BLACK: "black", GREY: "grey", GIVEN: "given" } as const;
export const MeasureScopeEnum = { GLOBAL: "global", REGIONAL: "regional" } as const;
export const SignRuleEnum = { ABSOLUTE: "absolute", POSITIVE: "positive" } as const;
export const RegionalModeEnum = { ABS_SUM: "abs-sum", SIGNED_SUM_POSITIVE: "signed-sum-positive", POSITIVE_SUM: "positive-sum", LEGACY_NOPOOL: "legacy-nopool", PER_CHANNEL: "per-channel" } as const;
export const PlacementEnum = { INDUCTIVE: "inductive", RANDOM: "random", NONE: "none" } as const;
export const ArtifactKindEnum = { ATTRIBUTION: "attribution", HEAT_MAP: "heat-map", ADVERSARIAL: "adversarial", ORIGINAL: "original" } as const;
export const AgentStateEnum = { IDLE: "idle", BUSY: "busy", STARTING: "starting", NO_DEVICE: "no-device" } as const;
export const ImageSortFieldEnum = { IMAGE: "image", VALUE: "value" } as const;
export const SortDirectionEnum = { ASC: "asc", DESC: "desc" } as const;
export const RunEventTypeEnum = {
  QUEUED: "QUEUED", ATTEMPT_STARTED: "ATTEMPT_STARTED", PROGRESS: "PROGRESS", METRICS: "METRICS", CHECKPOINT: "CHECKPOINT", RESULTS: "RESULTS", NOTE: "NOTE",
  ATTEMPT_FAILED: "ATTEMPT_FAILED", CANCEL_REQUESTED: "CANCEL_REQUESTED", SUCCEEDED: "SUCCEEDED", FAILED: "FAILED", CANCELLED: "CANCELLED",
} as const;

export type ValueOf<E extends Record<string, string>> = E[keyof E];

registerEnumType(RunKindEnum, { name: "RunKind" });
registerEnumType(RunStatusEnum, { name: "RunStatus", description: "QUEUED → RUNNING → one of SUCCEEDED, FAILED, CANCELLED, which are final." });
registerEnumType(ArchitectureEnum, {
  name: "Architecture",
  description: "In brackets: whose checkpoints it takes as they are.",
  valuesConfig: Object.fromEntries(ARCHITECTURE_NAMES.map((name) => [screaming(name), { description: ARCHITECTURE_TITLES[name] }])),
});
registerEnumType(SplitEnum, { name: "Split" });
registerEnumType(ModelFormatEnum, { name: "ModelFormat" });
registerEnumType(ExportFormatEnum, { name: "ExportFormat" });
registerEnumType(DatasetOriginEnum, { name: "DatasetOrigin" });
registerEnumType(CifarSetEnum, { name: "CifarSet" });
registerEnumType(CifarLabelsEnum, { name: "CifarLabels", description: "CIFAR-100 has 100 fine and 20 coarse classes." });
registerEnumType(ArrayLayoutEnum, { name: "ArrayLayout", valuesConfig: { AUTO: { description: "The channels are where the length is 1 or 3." } } });
registerEnumType(ColourEnum, { name: "Colour", valuesConfig: { RGB: { description: "Three channels; transparency is dropped." }, GREY: { description: "One channel." } } });
registerEnumType(InterpolationEnum, { name: "Interpolation" });
registerEnumType(NormEnum, { name: "Norm", valuesConfig: { LINF: { description: "Largest change of any sub-pixel." }, L2: { description: "Euclidean length of the change over all sub-pixels." } } });
registerEnumType(NoiseTypeEnum, { name: "NoiseType", valuesConfig: { I: { description: "The noise is added to the sub-pixels." }, II: { description: "The noise replaces the sub-pixels." } } });
registerEnumType(NoiseLawEnum, { name: "NoiseLaw" });
registerEnumType(AttributionMethodEnum, { name: "AttributionMethod" });
registerEnumType(PathRuleEnum, { name: "PathRule", description: "Quadrature of the path integral of integrated gradients." });
registerEnumType(BaselineEnum, {
  name: "Baseline", description: "Where the path of integrated gradients starts. The baseline is part of every result: a black one gives a black background no attribution at all.",
  valuesConfig: { MEAN: { description: "The data set's mean colour: zero in normalised space, as the paper's code has it." }, GIVEN: { description: "The values in `baselineValues`." } },
});
registerEnumType(MeasureScopeEnum, { name: "MeasureScope" });
registerEnumType(SignRuleEnum, { name: "SignRule", description: "What becomes of negative attributions before the Gini index.", valuesConfig: { ABSOLUTE: { description: "Their absolute value counts." }, POSITIVE: { description: "They count as zero." } } });
registerEnumType(RegionalModeEnum, { name: "RegionalMode", description: "How sub-pixels of a block become one number." });
registerEnumType(PlacementEnum, {
  name: "Placement",
  valuesConfig: { INDUCTIVE: { description: "At the places that the attribution map ranks highest." }, RANDOM: { description: "The control: the same perturbation at random places." }, NONE: { description: "An attack without places (PGD)." } },
});
registerEnumType(ArtifactKindEnum, {
  name: "ArtifactKind",
  valuesConfig: {
    ATTRIBUTION: { description: "The map itself: raw little-endian float32, shape [c, h, w], signed." }, HEAT_MAP: { description: "PNG of the map." },
    ADVERSARIAL: { description: "PNG of the perturbed image." }, ORIGINAL: { description: "PNG of the clean image." },
  },
});
registerEnumType(AgentStateEnum, { name: "AgentState" });
registerEnumType(ImageSortFieldEnum, { name: "ImageSortField", valuesConfig: { IMAGE: { description: "By index in the data set." }, VALUE: { description: "By the measured value; images without one come last." } } });
registerEnumType(SortDirectionEnum, { name: "SortDirection" });
registerEnumType(RunEventTypeEnum, { name: "RunEventType", description: "SUCCEEDED, FAILED and CANCELLED are the last event of a run." });

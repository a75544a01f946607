import { z } from "zod";

import { fileRefSchema, localPathSchema } from "./file-ref.ts";

/** What the runner knows of one data set on its machine. */
export const datasetInfoSchema = z.strictObject({
  name: z.string().min(1).max(60), title: z.string(),
  available: z.boolean(),
  /** Why not, and what to install; null when available. */
  reason: z.string().nullable(),
  /** sha256 over images, labels and split; null when not available. */
  contentHash: z.string().nullable(),
  trainCount: z.int().min(0), testCount: z.int().min(0),
  /** Images per class, when available. */
  perClass: z.strictObject({ train: z.array(z.int().min(0)), test: z.array(z.int().min(0)) }).optional(),
  /** [c, h, w] */
  inputShape: z.tuple([z.int(), z.int(), z.int()]),
  classes: z.array(z.string()),
  mean: z.array(z.number()), std: z.array(z.number()),
  licence: z.string(), source: z.string(),
});
export type DatasetInfo = z.output<typeof datasetInfoSchema>;

const side = z.int().min(1).max(1024);

/** How a picture becomes the image that a network sees: torchvision's transforms, in this order. */
export const imageTransformSchema = z.strictObject({
  /** Turn the picture as its EXIF orientation says. torchvision's ImageFolder does not. */
  exif: z.boolean().default(false),
  /** convert("RGB") gives three channels, convert("L") one; transparency is dropped, as there. */
  colour: z.enum(["rgb", "grey"]).default("rgb"),
  /** Length of the shorter side after Resize, in pixels; not resized when absent. */
  resize: side.optional(),
  interpolation: z.enum(["bilinear", "bicubic"]).default("bilinear"),
  /** Side of the square that CenterCrop cuts, at most `resize`; not cut when absent. */
  crop: side.optional(),
}).refine(({ resize, crop }) => resize === undefined || crop === undefined || crop <= resize, { path: ["crop"], message: "expected at most resize" });
export type ImageTransform = z.output<typeof imageTransformSchema>;

const transform = imageTransformSchema.default(() => imageTransformSchema.parse({}));
/** What ImageNet networks were evaluated with. */
const imagenetTransform = imageTransformSchema.default(() => imageTransformSchema.parse({ resize: 256, crop: 224 }));

const className = z.string().trim().min(1).max(200);
/** Names of the classes, or how many there are; otherwise there are as many as the highest label asks for. */
const classes = { classes: z.array(className).min(1).max(65_536).optional(), classCount: z.int().min(1).max(65_536).optional() };
const label = z.int().min(0).max(65_535);

const imagesAndLabels = z.strictObject({ images: fileRefSchema, labels: fileRefSchema });
/** A name of an array inside an .npz file. */
const arrayName = z.string().min(1).max(200);
const arrayPair = z.strictObject({ images: arrayName, labels: arrayName });
const corruption = z.string().regex(/^[a-z][a-z_]{0,59}$/, "expected a name such as gaussian_noise");
const severity = z.int().min(1).max(5);
/** Of [n, ?, ?, ?] arrays; auto: the channels are where the length is 1 or 3. */
const arrayLayout = z.enum(["auto", "nhwc", "nchw"]).default("auto");

const datasetSourceUnion = z.discriminatedUnion("kind", [
  /** Krizhevsky's files, binary or python version, in a folder (`root`) or one by one. */
  z.strictObject({
    kind: z.literal("cifar"), set: z.enum(["cifar10", "cifar100"]),
    root: localPathSchema.optional(), files: z.strictObject({ train: z.array(fileRefSchema).max(5).default([]), test: z.array(fileRefSchema).min(1).max(5) }).optional(),
    /** CIFAR-100 has 100 fine and 20 coarse classes. */
    labels: z.enum(["fine", "coarse"]).default("fine"),
  }),
  /** The MNIST family's files, plain or gzip. */
  z.strictObject({ kind: z.literal("idx"), train: imagesAndLabels.optional(), test: imagesAndLabels, ...classes }),
  /** Folders of one folder per class. */
  z.strictObject({ kind: z.literal("image-folder"), train: localPathSchema.optional(), test: localPathSchema, transform }),
  /** Arrays u8, or float in [0, 1], with integer labels [n]. */
  z.strictObject({ kind: z.literal("npy"), layout: arrayLayout, train: imagesAndLabels.optional(), test: imagesAndLabels, ...classes }),
  z.strictObject({ kind: z.literal("npz"), layout: arrayLayout, file: fileRefSchema, train: arrayPair.optional(), test: arrayPair.default({ images: "x_test", labels: "y_test" }), ...classes }),
  z.strictObject({ kind: z.literal("tiny-imagenet"), root: localPathSchema, transform }),
  /** Folders named by WordNet id, any of the 1,000: labels are those of all 1,000 classes. `root` has them, or has val and, if wanted, train. */
  z.strictObject({ kind: z.literal("imagenet"), root: localPathSchema, transform: imagenetTransform }),
  /** CIFAR-10-C or CIFAR-100-C: one corruption at one severity. */
  z.strictObject({ kind: z.literal("cifar-c"), set: z.enum(["cifar10", "cifar100"]), root: localPathSchema, corruption, severity }),
  /** ImageNet-C: one corruption at one severity; its files are 224×224 already. */
  z.strictObject({ kind: z.literal("imagenet-c"), root: localPathSchema, corruption, severity, transform }),
  z.strictObject({ kind: z.literal("image-list"), images: z.array(z.strictObject({ file: fileRefSchema, label })).min(1).max(10_000), transform, ...classes }),
]);

/** Where the images of a registered data set come from, and how they are read. */
export const datasetSourceSchema = datasetSourceUnion
  .refine((s) => s.kind !== "cifar" || (s.root === undefined) !== (s.files === undefined), { path: ["files"], message: "expected either root or files" })
  .refine((s) => !("classes" in s) || s.classes === undefined || s.classCount === undefined, { path: ["classCount"], message: "expected either classes or classCount" });
export type DatasetSource = z.output<typeof datasetSourceSchema>;

const splitReportSchema = z.strictObject({ count: z.int().min(0), perClass: z.array(z.int().min(0)) });

/** What a data set was found to be when it was registered. */
export const datasetReportSchema = z.strictObject({
  inputShape: z.tuple([z.int(), z.int(), z.int()]),
  classes: z.array(z.string()),
  /** sha256 over shape, images and labels of both splits. */
  contentHash: z.string(),
  /** sha256 over what is cheap to look at (names and sizes of files): says whether a set that is not read in full is still the same. */
  listingHash: z.string(),
  train: splitReportSchema, test: splitReportSchema,
  /** Per channel in [0, 1] units, over the training split; over the test split when there is no other. */
  mean: z.array(z.number()), std: z.array(z.number()),
  warnings: z.array(z.strictObject({ code: z.enum(["EMPTY_CLASS", "CONSTANT_CHANNEL", "DUPLICATE_IMAGES", "UNSEEN_CLASS"]), message: z.string() })),
});
export type DatasetReport = z.output<typeof datasetReportSchema>;

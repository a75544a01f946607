import { Extensions, Field, InputType, Int } from "type-graphql";

import { ArrayLayoutEnum, CifarLabelsEnum, CifarSetEnum, type ValueOf } from "./enums.ts";
import { FileInput, ImageTransformInput, TRANSFORM_DEFAULT } from "./file.input.ts";
import { ONE_OF } from "./one-of.ts";
import { RunInput } from "./selection.input.ts";

const FOLDER = "Absolute, inside a folder of LORENZ_IMPORT_ROOTS.";

@InputType()
export class CifarFilesInput {
  @Field(() => [FileInput], { defaultValue: [] }) train!: FileInput[];
  @Field(() => [FileInput]) test!: FileInput[];
}

@InputType({ description: "Krizhevsky's files, binary or python version: either `root` or `files`." })
export class CifarInput {
  @Field(() => CifarSetEnum) set!: ValueOf<typeof CifarSetEnum>;
  @Field(() => String, { nullable: true, description: FOLDER }) root?: string | null;
  @Field(() => CifarFilesInput, { nullable: true }) files?: CifarFilesInput | null;
  @Field(() => CifarLabelsEnum, { defaultValue: "fine" }) labels!: ValueOf<typeof CifarLabelsEnum>;
}

@InputType()
export class LabelledFilesInput {
  @Field(() => FileInput) images!: FileInput;
  @Field(() => FileInput) labels!: FileInput;
}

@InputType()
export class ClassesInput {
  @Field(() => [String], { nullable: true, description: "Names of the classes, in order of the labels." }) classes?: string[] | null;
  @Field(() => Int, { nullable: true, description: "Their number, instead of names; as many as the highest label asks for when both are absent." }) classCount?: number | null;
}

@InputType({ description: "The MNIST family's files, plain or gzip." })
export class IdxInput extends ClassesInput {
  @Field(() => LabelledFilesInput, { nullable: true }) train?: LabelledFilesInput | null;
  @Field(() => LabelledFilesInput) test!: LabelledFilesInput;
}

@InputType({ description: "NumPy arrays: images u8, or float in [0, 1], with integer labels [n]." })
export class NpyInput extends IdxInput {
  @Field(() => ArrayLayoutEnum, { defaultValue: "auto" }) layout!: ValueOf<typeof ArrayLayoutEnum>;
}

@InputType({ description: "Names of two arrays in the file." })
export class ArrayPairInput {
  @Field(() => String) images!: string;
  @Field(() => String) labels!: string;
}

@InputType({ description: "One .npz file with images and labels, as in `npy`." })
export class NpzInput extends ClassesInput {
  @Field(() => FileInput) file!: FileInput;
  @Field(() => ArrayLayoutEnum, { defaultValue: "auto" }) layout!: ValueOf<typeof ArrayLayoutEnum>;
  @Field(() => ArrayPairInput, { nullable: true }) train?: ArrayPairInput | null;
  @Field(() => ArrayPairInput, { defaultValue: { images: "x_test", labels: "y_test" } }) test!: ArrayPairInput;
}

@InputType({ description: "Folders with one folder per class." })
export class ImageFolderInput {
  @Field(() => String, { nullable: true, description: FOLDER }) train?: string | null;
  @Field(() => String, { description: FOLDER }) test!: string;
  @Field(() => ImageTransformInput, { defaultValue: TRANSFORM_DEFAULT }) transform!: ImageTransformInput;
}

@InputType()
export class ImageRootInput {
  @Field(() => String, { description: FOLDER }) root!: string;
  @Field(() => ImageTransformInput, { defaultValue: TRANSFORM_DEFAULT }) transform!: ImageTransformInput;
}

@InputType({ description: "Folders named by WordNet id; `root` has them, or has val and, if wanted, train. Labels are those of all 1,000 classes." })
export class ImagenetInput {
  @Field(() => String, { description: FOLDER }) root!: string;
  @Field(() => ImageTransformInput, { defaultValue: { ...TRANSFORM_DEFAULT, resize: 256, crop: 224 } }) transform!: ImageTransformInput;
}

@InputType({ description: "CIFAR-10-C or CIFAR-100-C: one corruption at one severity." })
export class CifarCInput {
  @Field(() => CifarSetEnum) set!: ValueOf<typeof CifarSetEnum>;
  @Field(() => String, { description: FOLDER }) root!: string;
  @Field(() => String, { description: "Such as gaussian_noise." }) corruption!: string;
  @Field(() => Int, { description: "1 to 5." }) severity!: number;
}

@InputType({ description: "ImageNet-C: one corruption at one severity." })
export class ImagenetCInput extends ImageRootInput {
  @Field(() => String, { description: "Such as gaussian_noise." }) corruption!: string;
  @Field(() => Int, { description: "1 to 5." }) severity!: number;
}

@InputType()
export class LabelledImageInput {
  @Field(() => FileInput) file!: FileInput;
  @Field(() => Int) label!: number;
}

@InputType({ description: "1 to 10,000 pictures, one by one: PNG, JPEG or WebP." })
export class ImageListInput extends ClassesInput {
  @Field(() => [LabelledImageInput]) images!: LabelledImageInput[];
  @Field(() => ImageTransformInput, { defaultValue: TRANSFORM_DEFAULT }) transform!: ImageTransformInput;
}

@Extensions(ONE_OF)
@InputType({ description: "Where the images are and how they are read: exactly one field." })
export class DatasetSourceInput {
  @Field(() => CifarInput, { nullable: true }) cifar?: CifarInput | null;
  @Field(() => IdxInput, { nullable: true }) idx?: IdxInput | null;
  @Field(() => ImageFolderInput, { nullable: true }) imageFolder?: ImageFolderInput | null;
  @Field(() => NpyInput, { nullable: true }) npy?: NpyInput | null;
  @Field(() => NpzInput, { nullable: true }) npz?: NpzInput | null;
  @Field(() => ImageRootInput, { nullable: true }) tinyImagenet?: ImageRootInput | null;
  @Field(() => ImagenetInput, { nullable: true }) imagenet?: ImagenetInput | null;
  @Field(() => CifarCInput, { nullable: true }) cifarC?: CifarCInput | null;
  @Field(() => ImagenetCInput, { nullable: true }) imagenetC?: ImagenetCInput | null;
  @Field(() => ImageListInput, { nullable: true }) imageList?: ImageListInput | null;
}

@InputType()
export class RegisterDatasetInput extends RunInput {
  @Field(() => String, { description: "Not taken; 1 to 60 of a-z, 0-9, '.', '_' and '-', first a letter or digit." }) name!: string;
  @Field(() => String, { nullable: true, description: "The name when absent." }) title?: string | null;
  @Field(() => DatasetSourceInput) from!: DatasetSourceInput;
  @Field(() => String, { nullable: true, description: "Where the images come from, in words." }) source?: string | null;
  @Field(() => String, { nullable: true }) licence?: string | null;
}

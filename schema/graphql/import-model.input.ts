import { Extensions, Field, Float, ID, InputType, Int } from "type-graphql";

import { ArchitectureEnum, ExportFormatEnum, SplitEnum, type ValueOf } from "./enums.ts";
import { FileInput, ImageTransformInput } from "./file.input.ts";
import { ONE_OF } from "./one-of.ts";
import { RunInput } from "./selection.input.ts";

@InputType({ description: "safetensors, or a PyTorch state dict (.pt, .pth, .th, .bin)." })
export class StateDictInput {
  @Field(() => FileInput) file!: FileInput;
  @Field(() => ArchitectureEnum, { description: "Whose weights they are." }) architecture!: ValueOf<typeof ArchitectureEnum>;
}

@InputType({ description: "ONNX, opsets 9 to 21." })
export class OnnxInput {
  @Field(() => FileInput) file!: FileInput;
}

@Extensions(ONE_OF)
@InputType({ description: "The network: exactly one field." })
export class ModelSourceInput {
  @Field(() => StateDictInput, { nullable: true }) stateDict?: StateDictInput | null;
  @Field(() => OnnxInput, { nullable: true }) onnx?: OnnxInput | null;
}

@InputType({ description: "Per channel, in [0,1] pixel units: the network's first operator is (x − mean)/std." })
export class NormalisationInput {
  @Field(() => [Float]) mean!: number[];
  @Field(() => [Float]) std!: number[];
}

@InputType({ description: "What is known of the network: its clean accuracy. It is measured after the import and compared." })
export class GoldenInput {
  @Field(() => String) dataset!: string;
  @Field(() => SplitEnum, { defaultValue: "test" }) split!: ValueOf<typeof SplitEnum>;
  @Field(() => [Int], { nullable: true, description: "Indices in the split, at most 10,000." }) indices?: number[] | null;
  @Field(() => Int, { nullable: true, description: "Instead of `indices`, the first so many; all when both are absent." }) count?: number | null;
  @Field(() => Float, { description: "Share of the images that it classifies correctly, 0 to 1." }) cleanAccuracy!: number;
  @Field(() => Float, { defaultValue: 0.001, description: "Largest difference that passes." }) tolerance!: number;
}

@InputType()
export class ImportModelInput extends RunInput {
  @Field(() => String, { description: "Name of the model to make, 1 to 100 characters; need not be unique." }) name!: string;
  @Field(() => ModelSourceInput) from!: ModelSourceInput;
  @Field(() => String, { nullable: true, description: "Name of the data set that it was made for; what is absent of the next four is taken from it." }) dataset?: string | null;
  @Field(() => NormalisationInput, { nullable: true, description: "When absent, the one that a state dict brings (normalizer.mean and .std), else the data set's. Mean 0 and std 1 for a network that normalises itself." }) normalisation?: NormalisationInput | null;
  @Field(() => [Int], { nullable: true, description: "[channels, height, width]; the file's own when an ONNX file fixes it." }) inputShape?: number[] | null;
  @Field(() => [String], { nullable: true, description: "In order of the network's outputs." }) classNames?: string[] | null;
  @Field(() => Int, { nullable: true, description: "Instead of `classNames`." }) classCount?: number | null;
  @Field(() => String, { nullable: true, description: "Where the weights come from, in words." }) source?: string | null;
  @Field(() => String, { nullable: true }) licence?: string | null;
  @Field(() => GoldenInput, { nullable: true }) golden?: GoldenInput | null;
}

@InputType()
export class ExportModelInput extends RunInput {
  @Field(() => ID) model!: string;
  @Field(() => ExportFormatEnum) format!: ValueOf<typeof ExportFormatEnum>;
}

@InputType()
export class DatasetImagesInput {
  @Field(() => String, { nullable: true, description: "The model's own when absent." }) dataset?: string | null;
  @Field(() => SplitEnum, { defaultValue: "test" }) split!: ValueOf<typeof SplitEnum>;
  @Field(() => [Int], { description: "1 to 100 indices in the split." }) indices!: number[];
}

@InputType({ description: "1 to 100 pictures: PNG, JPEG or WebP." })
export class ImageFilesInput {
  @Field(() => [FileInput]) files!: FileInput[];
  @Field(() => ImageTransformInput, { nullable: true, description: "When absent: the shorter side resized to the network's, centre crop, colour by its channels." }) transform?: ImageTransformInput | null;
}

@InputType({ description: "As `files`, in the request itself." })
export class ImageDataInput {
  @Field(() => [String], { description: "Base64; 1 to 16 pictures of at most 1 MiB each." }) base64!: string[];
  @Field(() => ImageTransformInput, { nullable: true, description: "As for `files`." }) transform?: ImageTransformInput | null;
}

@Extensions(ONE_OF)
@InputType({ description: "Which images: exactly one field." })
export class PredictImagesInput {
  @Field(() => DatasetImagesInput, { nullable: true }) dataset?: DatasetImagesInput | null;
  @Field(() => ImageFilesInput, { nullable: true }) files?: ImageFilesInput | null;
  @Field(() => ImageDataInput, { nullable: true }) data?: ImageDataInput | null;
}

@InputType()
export class PredictInput extends RunInput {
  @Field(() => ID) model!: string;
  @Field(() => PredictImagesInput) images!: PredictImagesInput;
  @Field(() => Int, { defaultValue: 5, description: "Classes told per image, 1 to 100." }) topK!: number;
}

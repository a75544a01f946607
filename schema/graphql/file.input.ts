import { Extensions, Field, InputType, Int } from "type-graphql";

import { imageTransformSchema } from "../jobs/dataset.ts";
import { ColourEnum, InterpolationEnum, type ValueOf } from "./enums.ts";
import { ONE_OF } from "./one-of.ts";

export const TRANSFORM_DEFAULT = imageTransformSchema.parse({});

@Extensions(ONE_OF)
@InputType({ description: "A file: exactly one field." })
export class FileInput {
  @Field(() => String, { nullable: true, description: "Of a blob that was uploaded with PUT /blobs/:sha256." }) sha256?: string | null;
  @Field(() => String, { nullable: true, description: "On the server's machine, absolute, inside a folder of LORENZ_IMPORT_ROOTS." }) path?: string | null;
}

@InputType({ description: "How a picture becomes the image that a network sees: torchvision's transforms, in this order." })
export class ImageTransformInput {
  @Field(() => Boolean, { defaultValue: TRANSFORM_DEFAULT.exif, description: "Turn the picture as its EXIF orientation says." }) exif!: boolean;
  @Field(() => ColourEnum, { defaultValue: TRANSFORM_DEFAULT.colour }) colour!: ValueOf<typeof ColourEnum>;
  @Field(() => Int, { nullable: true, description: "Length of the shorter side in pixels, 1 to 1024; not resized when absent." }) resize?: number | null;
  @Field(() => InterpolationEnum, { defaultValue: TRANSFORM_DEFAULT.interpolation }) interpolation!: ValueOf<typeof InterpolationEnum>;
  @Field(() => Int, { nullable: true, description: "Side of the square that is cut out of the centre, at most `resize`; not cut when absent." }) crop?: number | null;
}

import sharp from "sharp";

import type { ImageTransform } from "../../../../schema/jobs/dataset.ts";
import { AppError } from "../../../common/errors.ts";

/** Pixels of a decoded file. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** [height, width, channels] 0 … 255 */
  readonly data: Uint8Array;
}

/** ImageNet's largest picture has 12 million pixels; a file that claims more than this is refused before memory is taken for it. */
const MAX_PIXELS = 50_000_000;

/** First bytes of the formats that are read; what follows is checked by their decoders. */
const SIGNATURES: readonly (readonly [format: string, matches: (bytes: Buffer) => boolean])[] = [
  ["jpeg", (bytes) => bytes.subarray(0, 3).equals(Buffer.of(0xff, 0xd8, 0xff))],
  ["png", (bytes) => bytes.subarray(0, 8).equals(Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))],
  ["webp", (bytes) => bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP"],
];

/**
 * The pixels of a JPEG, PNG or WebP file, to the byte those that PIL's `Image.open(f).convert("RGB")` (or "L") gives:
 * colour profiles are ignored, transparency is dropped, CMYK is converted by PIL's rule, of an animation the first picture
 * counts, the content and not the file's name says which format it is.
 *
 * @param name of the file, for messages.
 * @throws AppError DATASET_CORRUPT: no picture, damaged, truncated, 16 bits per channel, or too large.
 */
export async function decodePicture(name: string, bytes: Uint8Array, { colour, exif }: Pick<ImageTransform, "colour" | "exif">): Promise<Picture> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!SIGNATURES.some(([, matches]) => matches(buffer))) throw notAPicture(name, `the first bytes of ${SIGNATURES.map(([format]) => format).join(", ")}`, buffer.toString("hex", 0, 8) || "an empty file");
  // "error" and not "warning": JPEGs with a few bytes too many, as ImageNet has some, are whole pictures all the same.
  const options = { failOn: "error", ignoreIcc: true, limitInputPixels: MAX_PIXELS } as const;
  try {
    const { depth, space } = await sharp(buffer, options).metadata();
    if (depth !== "uchar") throw notAPicture(name, "8 bits per channel", depth);
    let pipeline = sharp(buffer, options);
    if (space === "cmyk") pipeline = pipeline.pipelineColourspace("cmyk").toColourspace("cmyk");
    else pipeline = pipeline.removeAlpha();
    if (exif) pipeline = pipeline.autoOrient();
    const { data, info: { width, height, channels } } = await pipeline.raw().toBuffer({ resolveWithObject: true });
    return { width, height, ...inColour(data, channels, colour) };
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw notAPicture(name, `a whole picture of at most ${MAX_PIXELS} pixels`, (cause as Error).message, cause);
  }
}

function notAPicture(file: string, expected: string, got: string, cause?: unknown): AppError {
  return new AppError("DATASET_CORRUPT", `${file}: expected ${expected}, got ${got}; replace or remove it`, { file }, { cause });
}

/** From 1 (grey), 3 (RGB) or 4 (CMYK) channels. */
function inColour(data: Uint8Array, from: number, colour: ImageTransform["colour"]): Pick<Picture, "channels" | "data"> {
  const rgb = from === 4 ? rgbOfCmyk(data) : data;
  if (colour === "rgb") return { channels: 3, data: from === 1 ? repeated(data) : rgb };
  return { channels: 1, data: from === 1 ? data : greyOf(rgb) };
}

function repeated(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) rgb.fill(grey[i]!, i * 3, i * 3 + 3);
  return rgb;
}

/** ITU-R 601-2 luma, in PIL's fixed point (libImaging/Convert.c, rgb2l). */
function greyOf(rgb: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: rgb.length / 3 }, (_, i) => (rgb[i * 3]! * 19595 + rgb[i * 3 + 1]! * 38470 + rgb[i * 3 + 2]! * 7471 + 0x8000) >> 16);
}

/** PIL's cmyk2rgb: white − K − ink·(white − K)/255, the quotient rounded by its MULDIV255. */
function rgbOfCmyk(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let i = 0; i < cmyk.length / 4; i++) {
    const light = 255 - cmyk[i * 4 + 3]!;
    for (let k = 0; k < 3; k++) {
      const product = cmyk[i * 4 + k]! * light + 128;
      rgb[i * 3 + k] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return rgb;
}

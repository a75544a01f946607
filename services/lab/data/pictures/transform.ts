import type { ImageTransform } from "../../../../schema/jobs/dataset.ts";
import { AppError } from "../../../common/errors.ts";
import type { InputShape } from "../dataset.ts";
import { decodePicture, type Picture } from "./decode.ts";
import { resample, type Window } from "./resample.ts";

/** Longer sides than any network here takes; keeps a long strip, enlarged, from filling the memory. */
export const MAX_SIDE = 4096;

export interface PreparedImage {
  readonly shape: InputShape;
  /** [c, h, w] */
  readonly pixels: Uint8Array;
}

/** A picture file as the image that a network sees: decoded, resized, cropped, in planes. @throws AppError DATASET_CORRUPT naming the file. */
export async function prepareImage(name: string, bytes: Uint8Array, transform: ImageTransform): Promise<PreparedImage> {
  const picture = await decodePicture(name, bytes, transform);
  const { width, height } = resizedSize(picture, transform.resize);
  const window = centre(name, width, height, transform.crop);
  if (Math.max(window.width, window.height) > MAX_SIDE) throw new AppError("DATASET_CORRUPT", `${name}: expected an image of at most ${MAX_SIDE}×${MAX_SIDE} after resizing, got ${window.width}×${window.height}; ask for a crop`, { file: name });
  const untouched = width === picture.width && height === picture.height && window.width === width && window.height === height;
  return inPlanes(untouched ? picture : resample(picture, width, height, window, transform.interpolation));
}

/** torchvision's Resize(size): the shorter side becomes `resize`, the longer one is cut to a whole number. */
function resizedSize({ width, height }: Picture, resize: number | undefined): { width: number; height: number } {
  if (resize === undefined) return { width, height };
  return width <= height ? { width: resize, height: Math.trunc((resize * height) / width) } : { width: Math.trunc((resize * width) / height), height: resize };
}

/** torchvision's CenterCrop, without its black border around pictures that are too small. */
function centre(name: string, width: number, height: number, crop: number | undefined): Window {
  if (crop === undefined) return { left: 0, top: 0, width, height };
  if (width < crop || height < crop) throw new AppError("DATASET_CORRUPT", `${name}: expected at least ${crop}×${crop} pixels to cut from, got ${width}×${height}; ask for a resize`, { file: name });
  return { left: halfToEven(width - crop), top: halfToEven(height - crop), width: crop, height: crop };
}

/** Half of it as Python's round() gives it: 0.5 → 0, 1.5 → 2. */
function halfToEven(n: number): number {
  const floor = Math.floor(n / 2);
  return n % 2 === 0 || floor % 2 === 0 ? floor : floor + 1;
}

function inPlanes({ width, height, channels, data }: Picture): PreparedImage {
  const area = width * height;
  const pixels = new Uint8Array(data.length);
  for (let k = 0; k < channels; k++) for (let p = 0; p < area; p++) pixels[k * area + p] = data[p * channels + k]!;
  return { shape: [channels, height, width], pixels };
}

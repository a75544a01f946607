import { type Dirent, opendirSync, realpathSync, statSync } from "node:fs";
import { basename, extname, join } from "node:path";

import { AppError } from "../../../common/errors.ts";
import { unreadable } from "../data-file.ts";

/** A picture file on disk; not opened yet. */
export interface PictureFile {
  /** For reading. */
  readonly path: string;
  /** Below the data set's folder, for messages and listings. */
  readonly name: string;
  readonly bytes: number;
}
export interface ClassFolder { readonly name: string; readonly files: readonly PictureFile[] }

/** Says where a link leads, if it may be followed. @throws AppError when it may not. */
export type FollowLink = (path: string) => Promise<string>;

/** Half as many again as ImageNet has. A listing holds about 200 bytes for each. */
const MAX_FILES = 2_000_000;
const MAX_FOLDERS = 100_000;
/** Folders inside folders of a class. */
const MAX_DEPTH = 8;
const READ = new Set([".jpg", ".jpeg", ".png", ".webp"]);
/** What torchvision would take for a picture, or a person would: to leave it out without a word would change the data set. */
const PICTURES_NOT_READ = new Set([".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif", ".jp2"]);

/**
 * The pictures in the folders inside `root`, one folder per class, in torchvision's order: classes by name, then files by
 * folder and name. Hidden files and files that are no pictures by name are left out, as there.
 *
 * @param only the names that the folders may have; any when absent.
 * @throws AppError DATASET_UNAVAILABLE (not readable), DATASET_CORRUPT (too many files, a loop of links, a format that is not read).
 */
export async function listClasses(root: string, follow: FollowLink, only?: ReadonlySet<string>): Promise<ClassFolder[]> {
  const walk = new Walk(follow);
  const classes: ClassFolder[] = [];
  for (const { name, path, isFolder } of await walk.entries(root)) {
    if (!isFolder) continue;
    if (only && !only.has(name)) throw new AppError("DATASET_CORRUPT", `${root}: expected only folders named by the ids of the ${only.size} classes, got ${JSON.stringify(name)}; remove it or name another folder`, { file: root });
    classes.push({ name, files: await walk.pictures(path, name) });
  }
  if (classes.length === 0) throw new AppError("DATASET_UNAVAILABLE", `${root}: expected folders, one per class, got none`, { file: root });
  return classes;
}

/** The pictures in one folder and the folders inside it. @throws as `listClasses`. */
export function listPictures(root: string, follow: FollowLink): Promise<PictureFile[]> { return new Walk(follow).pictures(root, basename(root)); }

interface Entry { readonly name: string; readonly path: string; readonly isFolder: boolean }

class Walk {
  #files = 0;
  #folders = 0;
  constructor(readonly follow: FollowLink) {}

  /** Not the hidden ones; by name. Links are followed where that is allowed. */
  async entries(folder: string): Promise<Entry[]> {
    const entries: Entry[] = [];
    for (const entry of this.#read(folder)) {
      if (entry.name.startsWith(".")) continue;
      if (entry.name.includes("\ufffd")) throw new AppError("DATASET_CORRUPT", `${folder}: expected names in UTF-8, got ${JSON.stringify(entry.name)}; rename it`, { file: folder });
      const path = join(folder, entry.name);
      const real = entry.isSymbolicLink() ? await this.follow(path) : path;
      entries.push({ name: entry.name, path: real, isFolder: entry.isSymbolicLink() ? statSync(real).isDirectory() : entry.isDirectory() });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async pictures(folder: string, name: string, above: readonly string[] = []): Promise<PictureFile[]> {
    const real = realpathSync(folder);
    if (above.includes(real)) throw new AppError("DATASET_CORRUPT", `${name}: expected folders without a loop of links, got ${real} inside itself`, { file: real });
    if (above.length > MAX_DEPTH) throw new AppError("DATASET_CORRUPT", `${name}: expected at most ${MAX_DEPTH} folders inside each other`, { file: real });
    const files: PictureFile[] = [];
    const inside: Entry[] = [];
    for (const entry of await this.entries(folder)) {
      if (entry.isFolder) inside.push(entry);
      else if (isPicture(entry.path, entry.name)) files.push(pictureFile(entry.path, `${name}/${entry.name}`));
    }
    for (const entry of inside) files.push(...(await this.pictures(entry.path, `${name}/${entry.name}`, [...above, real])));
    return files;
  }

  /** One folder's entries; counted as they come, so that no folder is too large to be refused. */
  #read(folder: string): Dirent[] {
    if (++this.#folders > MAX_FOLDERS) throw new AppError("DATASET_CORRUPT", `${folder}: expected at most ${MAX_FOLDERS} folders`, { file: folder });
    const entries: Dirent[] = [];
    try {
      const open = opendirSync(folder, { bufferSize: 1024 });
      try {
        for (let entry = open.readSync(); entry; entry = open.readSync()) {
          if (++this.#files > MAX_FILES) throw new AppError("DATASET_CORRUPT", `${folder}: expected at most ${MAX_FILES} files`, { file: folder });
          entries.push(entry);
        }
      } finally {
        open.closeSync();
      }
    } catch (cause) {
      throw cause instanceof AppError ? cause : unreadable(folder, cause);
    }
    return entries;
  }
}

function isPicture(path: string, name: string): boolean {
  const extension = extname(name).toLowerCase();
  if (PICTURES_NOT_READ.has(extension)) throw new AppError("DATASET_CORRUPT", `${path}: expected JPEG, PNG or WebP, got ${extension}; convert or remove it`, { file: path });
  return READ.has(extension);
}

/** @throws AppError DATASET_UNAVAILABLE unless it is a regular file. */
export function pictureFile(path: string, name: string): PictureFile {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw new AppError("DATASET_UNAVAILABLE", `${path}: expected a regular file`, { file: path });
    return { path, name, bytes: stats.size };
  } catch (cause) {
    throw cause instanceof AppError ? cause : unreadable(path, cause);
  }
}

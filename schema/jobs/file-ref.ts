import { z } from "zod";

/** A file or folder on the runner's machine; used only when it lies under an allow-listed root. */
export const localPathSchema = z.string().min(1).max(4096);

/** A file that an import reads: an uploaded blob, or one on the runner's machine. */
export const fileRefSchema = z.union([
  z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/, "expected 64 lower-case hexadecimal digits") }),
  z.strictObject({ path: localPathSchema }),
]);
export type FileRef = z.output<typeof fileRefSchema>;

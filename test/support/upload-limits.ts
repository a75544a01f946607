/**
 * Receives an upload from standard input in a process that a test has put limits on. argv: blob folder, sha256.
 * Prints the bytes stored, or the error's code.
 */
import { AppError } from "../../services/common/errors.ts";
import { receiveUpload } from "../../services/common/upload-files.ts";

const [folder, sha256] = process.argv.slice(2) as [string, string];
try {
  const { bytes, publish } = await receiveUpload(folder, sha256, process.stdin, { first: 0, maxBytes: 2 ** 40 });
  await publish!();
  process.stdout.write(JSON.stringify({ bytes }));
} catch (error) {
  process.stdout.write(JSON.stringify({ code: error instanceof AppError ? error.code : String(error) }));
}

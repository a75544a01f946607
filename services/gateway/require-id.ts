import { AppError } from "../common/errors.ts";
import { isId } from "../common/ids.ts";

/**
 * PostgreSQL refuses a malformed uuid with an error; to a caller it is just an id that nothing has.
 *
 * @throws AppError NOT_FOUND with `details.field`.
 */
export function requireId(id: string, field: string, what: "run" | "model"): string {
  const lower = id.toLowerCase();
  if (isId(lower)) return lower;
  throw new AppError("NOT_FOUND", `${field}: expected the id of a ${what}, got ${JSON.stringify(id)}`, { field });
}

/** Says with an error of the store which field of the operation it is about. */
export async function atField<T>(field: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof AppError) throw new AppError(error.code, error.message, { field, ...error.details }, { cause: error });
    throw error;
  }
}

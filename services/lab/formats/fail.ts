import type { AppError } from "../../common/errors.ts";

/**
 * Makes the error to throw, in the code and words of whoever reads a file: bytes that contradict their format are
 * "damaged"; what a reader understands and leaves out on purpose is "refused".
 *
 * @param message without the place, which the maker of the error knows: "expected X, got Y; what to do".
 */
export type Fail = (problem: "damaged" | "refused", message: string) => AppError;

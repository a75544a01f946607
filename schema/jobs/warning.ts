import { z } from "zod";

/** Something about a model or data set that its user should know, though it can be used. The code is a stable name, such as SOFTMAX_HEAD. */
export const warningSchema = z.strictObject({ code: z.string().regex(/^[A-Z][A-Z0-9_]{2,59}$/), message: z.string().min(1).max(2000) });
export type Warning = z.output<typeof warningSchema>;

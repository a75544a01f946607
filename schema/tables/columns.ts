import { customType, timestamp } from "drizzle-orm/pg-core";

/** timestamptz with milliseconds: more would be lost in JavaScript's Date, and keyset pages would skip rows. */
export const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: "date" });

/** A 64-bit unsigned seed as decimal text: int8 is signed and JSON numbers end at 2^53. */
export const seed = customType<{ data: string; driverData: string }>({ dataType: () => "numeric(20,0)" });

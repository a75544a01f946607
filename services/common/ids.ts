import { randomUUID } from "node:crypto";

/** A fresh random UUID (version 4), lower case. */
export function newId(): string { return randomUUID(); }

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Whether `value` is written as newId writes: PostgreSQL refuses a malformed uuid with an error, so ask before you query. */
export function isId(value: string): boolean { return UUID.test(value); }

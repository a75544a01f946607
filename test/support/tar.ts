/** Tar archives for tests, wrong ones included. */
export interface EntryOptions {
  /** The size field's text; default: the truth. */
  readonly size?: string;
  readonly type?: string;
  /** Eight characters: magic and version; default: GNU's. */
  readonly magic?: string;
  readonly prefix?: string;
}

export function entry(name: string, content: string | Buffer, { size, type = "0", magic = "ustar  \0", prefix = "" }: EntryOptions = {}): Buffer {
  const body = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, "latin1");
  header.write(size ?? body.length.toString(8).padStart(11, "0"), 124, 12, "latin1");
  header.write(type, 156, "latin1");
  header.write(magic, 257, "latin1");
  header.write(prefix, 345, "latin1");
  header.fill(" ", 148, 156);
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

/** With the two closing blocks of zeros. */
export function tar(...entries: readonly Buffer[]): Buffer { return Buffer.concat([...entries, Buffer.alloc(1024)]); }

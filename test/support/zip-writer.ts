import { crc32, deflateRawSync } from "node:zlib";

/** A member of an archive to write; what is not stated is what it should be, so that a test can lie about one thing. */
export interface Member {
  readonly name: string;
  readonly data: Uint8Array;
  readonly deflated?: boolean;
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly bytes?: number;
  /** Position of the member that the directory points to. */
  readonly at?: number;
}

const ZIP_LOCAL = 0x04034b50;
const ZIP_DIRECTORY = 0x02014b50;
const ZIP_END = 0x06054b50;

export function writeZip(members: readonly Member[]): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const member of members) {
    const packed = member.deflated ? deflateRawSync(member.data) : Buffer.from(member.data);
    const facts = [0, member.flags ?? 0, member.method ?? (member.deflated ? 8 : 0), 0, 0];
    const sizes = [member.crc ?? crc32(member.data), packed.length, member.bytes ?? member.data.length];
    const name = Buffer.from(member.name);
    const local = Buffer.concat([u32s(ZIP_LOCAL), u16s(...facts), u32s(...sizes), u16s(name.length, 0), name, packed]);
    directory.push(Buffer.concat([u32s(ZIP_DIRECTORY), u16s(0, ...facts), u32s(...sizes), u16s(name.length, 0, 0, 0, 0), u32s(0, member.at ?? position), name]));
    parts.push(local);
    position += local.length;
  }
  const list = Buffer.concat(directory);
  return Buffer.concat([...parts, list, u32s(ZIP_END), u16s(0, 0, members.length, members.length), u32s(list.length, position), u16s(0)]);
}

function u16s(...values: number[]): Buffer { return Buffer.from(Uint16Array.from(values).buffer); }
function u32s(...values: number[]): Buffer { return Buffer.from(Uint32Array.from(values).buffer); }

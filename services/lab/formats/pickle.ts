import { ByteReader } from "./byte-reader.ts";
import type { Fail } from "./fail.ts";

/**
 * Reads Python pickles of protocols 2 to 5 as data. A pickle is a program for a small stack machine; this one has no
 * way to import or run anything: a name it refers to must be in the reader's dialect, every other name and every opcode
 * that is not listed here is refused by name. The work is linear in the file: each opcode costs at most the bytes it
 * brings along, and values are passed on by reference, never copied or walked.
 *
 * Values: None is null; int is number, or bigint beyond 2^53; bytes is Uint8Array, except that Python 2's str comes as a
 * string of characters 0..255 (`latin1Bytes` gives its bytes); list and tuple are arrays; dict is Map.
 */

/** What a pickled name stands for; called where the pickle calls it. */
export type PickleFunction = (args: readonly unknown[]) => unknown;

/** An object whose state comes after it was made. */
export abstract class PickledObject { abstract setState(state: unknown): void; }

export interface PickleDialect {
  /** By "module.name". */
  readonly globals: ReadonlyMap<string, PickleFunction>;
  /** What an id that the writer left for its reader to resolve stands for; without it such ids are refused. */
  readonly persistent?: (id: unknown) => unknown;
  /** What to do about a name that is not in the dialect; ends the message. */
  readonly advice: string;
  readonly fail: Fail;
}

/** Values waiting on the stack, marks and memo entries: real files need a few thousand. */
const MAX_STACK = 1_000_000;
/** Containers begun inside one another. */
const MAX_DEPTH = 1_000;
/** One text or array of bytes; CIFAR-100's training images are 154 MB in one piece. */
const MAX_BYTES = 2 ** 28;
const MAX_NAME_BYTES = 256;
const MAX_INTEGER_BYTES = 64;

/** The value of the pickle that starts at the reader's position, which ends behind it. */
export function readPickle(reader: ByteReader, dialect: PickleDialect): unknown {
  return new Machine(reader, dialect).run();
}

/** The bytes that Python 2's str, or Python 3's bytes written for Python 2, stand for; undefined for any other text or value. */
export function latin1Bytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== "string") return undefined;
  const bytes = Buffer.from(value, "latin1");
  return bytes.toString("latin1") === value ? bytes : undefined;
}

class Machine {
  #stack: unknown[] = [];
  readonly #outer: unknown[][] = [];
  readonly #memo = new Map<number, unknown>();
  #waiting = 0;

  constructor(readonly reader: ByteReader, readonly dialect: PickleDialect) {}

  run(): unknown {
    if (this.reader.u8() !== 0x80) throw this.damaged("a pickle of protocol 2 or later", "another first byte");
    const protocol = this.reader.u8();
    if (protocol < 2 || protocol > 5) throw this.dialect.fail("refused", `pickle: expected protocol 2 to 5, got ${protocol}`);
    for (;;) {
      const code = this.reader.u8();
      if (code === STOP) break;
      const opcode = OPCODES.get(code);
      if (!opcode) throw this.dialect.fail("refused", `byte ${this.reader.position - 1} of the pickle: opcode ${REFUSED.get(code) ?? `0x${code.toString(16)}`} is not read; ${this.dialect.advice}`);
      opcode(this);
    }
    const value = this.pop();
    if (this.#stack.length + this.#outer.length > 0) throw this.damaged("one value", `${this.#stack.length + 1} and ${this.#outer.length} marks`);
    return value;
  }

  push(value: unknown): void {
    if (++this.#waiting > MAX_STACK) throw this.damaged(`at most ${MAX_STACK} values on the stack`, "more");
    this.#stack.push(value);
  }

  pop(): unknown {
    if (this.#stack.length === 0) throw this.damaged("a value on the stack", "none");
    this.#waiting--;
    return this.#stack.pop();
  }

  top(): unknown {
    if (this.#stack.length === 0) throw this.damaged("a value on the stack", "none");
    return this.#stack.at(-1);
  }

  mark(): void {
    if (this.#outer.length === MAX_DEPTH) throw this.damaged(`at most ${MAX_DEPTH} marks`, "more");
    this.#outer.push(this.#stack);
    this.#stack = [];
  }

  popToMark(): unknown[] {
    const values = this.#stack;
    const outer = this.#outer.pop();
    if (!outer) throw this.damaged("a mark on the stack", "none");
    this.#waiting -= values.length;
    this.#stack = outer;
    return values;
  }

  put(index: number): void {
    this.#memo.set(index, this.top());
    if (this.#memo.size > MAX_STACK) throw this.damaged(`at most ${MAX_STACK} remembered values`, "more");
  }

  memoize(): void { this.put(this.#memo.size); }

  get(index: number): void {
    if (!this.#memo.has(index)) throw this.damaged(`a remembered value ${index}`, "none");
    this.push(this.#memo.get(index));
  }

  popArray(): unknown[] {
    const value = this.pop();
    if (!Array.isArray(value)) throw this.damaged("a list or tuple", typeof value);
    return value;
  }

  take(length: number): Uint8Array {
    if (length > MAX_BYTES) throw this.damaged(`a piece of at most ${MAX_BYTES} bytes`, length);
    return this.reader.take(length);
  }

  pushText(length: number): void {
    try {
      this.push(UTF8.decode(this.take(length)));
    } catch (cause) {
      throw cause instanceof TypeError ? this.damaged("text in UTF-8", "other bytes") : cause;
    }
  }

  pushLatin1(length: number): void { this.push(Buffer.from(this.take(length)).toString("latin1")); }

  pushInteger(length: number): void {
    if (length > MAX_INTEGER_BYTES) throw this.damaged(`an integer of at most ${MAX_INTEGER_BYTES} bytes`, length);
    const value = BigInt.asIntN(8 * length, this.reader.take(length).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n));
    this.push(Number.isSafeInteger(Number(value)) ? Number(value) : value);
  }

  pushGlobal(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") throw this.damaged("a module and a name", `${typeof module} and ${typeof name}`);
    const full = `${module}.${name}`;
    const found = this.dialect.globals.get(full);
    if (!found) throw this.dialect.fail("refused", `the pickle refers to ${JSON.stringify(full.slice(0, MAX_NAME_BYTES))}, which is not read; ${this.dialect.advice}`);
    this.push(found);
  }

  reduce(): void {
    const args = this.popArray();
    const called = this.pop();
    if (typeof called !== "function") throw this.damaged("a name to call", typeof called);
    this.push((called as PickleFunction)(args));
  }

  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof PickledObject) target.setState(state);
    else if (!(target instanceof Map)) throw this.damaged("an object that has a state", typeof target);
    // A dict with a state is an OrderedDict with attributes, such as PyTorch's _metadata: no part of its entries.
  }

  setItems(pairs: readonly unknown[]): void {
    const target = this.top();
    if (!(target instanceof Map) || pairs.length % 2 !== 0) throw this.damaged("pairs for a dict", `${pairs.length} values for ${typeof target}`);
    for (let i = 0; i < pairs.length; i += 2) target.set(pairs[i], pairs[i + 1]);
  }

  append(values: readonly unknown[]): void {
    const target = this.top();
    if (!Array.isArray(target)) throw this.damaged("a list to append to", typeof target);
    for (const value of values) target.push(value);
  }

  persistent(): void {
    if (!this.dialect.persistent) throw this.dialect.fail("refused", `byte ${this.reader.position - 1} of the pickle: opcode BINPERSID is not read; ${this.dialect.advice}`);
    this.push(this.dialect.persistent(this.pop()));
  }

  damaged(expected: string, got: unknown): Error {
    return this.dialect.fail("damaged", `byte ${this.reader.position} of the pickle: expected ${expected}, got ${String(got)}`);
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const STOP = 0x2e;

function tuple(machine: Machine, length: number): void {
  machine.push(Array.from({ length }, () => machine.pop()).reverse());
}

/** By the byte that stands for it; names are those of Python's pickletools. */
const OPCODES: ReadonlyMap<number, (machine: Machine) => void> = new Map<number, (machine: Machine) => void>([
  [0x95, (m) => { m.reader.u64(); }], // FRAME: how far to read ahead
  [0x28, (m) => m.mark()], // MARK
  [0x30, (m) => { m.pop(); }], // POP
  [0x31, (m) => { m.popToMark(); }], // POP_MARK
  [0x4e, (m) => m.push(null)], // NONE
  [0x88, (m) => m.push(true)], // NEWTRUE
  [0x89, (m) => m.push(false)], // NEWFALSE
  [0x4a, (m) => m.push(m.reader.i32())], // BININT
  [0x4b, (m) => m.push(m.reader.u8())], // BININT1
  [0x4d, (m) => m.push(m.reader.u16())], // BININT2
  [0x8a, (m) => m.pushInteger(m.reader.u8())], // LONG1
  [0x8b, (m) => m.pushInteger(m.reader.u32())], // LONG4
  [0x47, (m) => m.push(m.reader.f64BigEndian())], // BINFLOAT
  [0x8c, (m) => m.pushText(m.reader.u8())], // SHORT_BINUNICODE
  [0x58, (m) => m.pushText(m.reader.u32())], // BINUNICODE
  [0x8d, (m) => m.pushText(m.reader.u64())], // BINUNICODE8
  [0x55, (m) => m.pushLatin1(m.reader.u8())], // SHORT_BINSTRING
  [0x54, (m) => m.pushLatin1(m.reader.u32())], // BINSTRING
  [0x43, (m) => m.push(m.take(m.reader.u8()))], // SHORT_BINBYTES
  [0x42, (m) => m.push(m.take(m.reader.u32()))], // BINBYTES
  [0x8e, (m) => m.push(m.take(m.reader.u64()))], // BINBYTES8
  [0x96, (m) => m.push(m.take(m.reader.u64()))], // BYTEARRAY8
  [0x29, (m) => m.push([])], // EMPTY_TUPLE
  [0x85, (m) => tuple(m, 1)], // TUPLE1
  [0x86, (m) => tuple(m, 2)], // TUPLE2
  [0x87, (m) => tuple(m, 3)], // TUPLE3
  [0x74, (m) => m.push(m.popToMark())], // TUPLE
  [0x5d, (m) => m.push([])], // EMPTY_LIST
  [0x61, (m) => { const value = m.pop(); m.append([value]); }], // APPEND
  [0x65, (m) => { const values = m.popToMark(); m.append(values); }], // APPENDS
  [0x7d, (m) => m.push(new Map())], // EMPTY_DICT
  [0x73, (m) => { const value = m.pop(); const key = m.pop(); m.setItems([key, value]); }], // SETITEM
  [0x75, (m) => { const pairs = m.popToMark(); m.setItems(pairs); }], // SETITEMS
  [0x71, (m) => m.put(m.reader.u8())], // BINPUT
  [0x72, (m) => m.put(m.reader.u32())], // LONG_BINPUT
  [0x94, (m) => m.memoize()], // MEMOIZE
  [0x68, (m) => m.get(m.reader.u8())], // BINGET
  [0x6a, (m) => m.get(m.reader.u32())], // LONG_BINGET
  [0x63, (m) => m.pushGlobal(m.reader.line(MAX_NAME_BYTES), m.reader.line(MAX_NAME_BYTES))], // GLOBAL
  [0x93, (m) => { const name = m.pop(); m.pushGlobal(m.pop(), name); }], // STACK_GLOBAL
  [0x52, (m) => m.reduce()], // REDUCE
  [0x62, (m) => m.build()], // BUILD
  [0x51, (m) => m.persistent()], // BINPERSID
]);

/** Opcodes that Python knows and files of arrays have no use for. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [0x46, "FLOAT"], [0x49, "INT"], [0x4c, "LONG"], [0x53, "STRING"], [0x56, "UNICODE"], [0x67, "GET"], [0x70, "PUT"], [0x64, "DICT"], [0x6c, "LIST"],
  [0x32, "DUP"], [0x50, "PERSID"], [0x69, "INST"], [0x6f, "OBJ"], [0x80, "PROTO"], [0x81, "NEWOBJ"], [0x92, "NEWOBJ_EX"], [0x82, "EXT1"], [0x83, "EXT2"], [0x84, "EXT4"],
  [0x8f, "EMPTY_SET"], [0x90, "ADDITEMS"], [0x91, "FROZENSET"], [0x97, "NEXT_BUFFER"], [0x98, "READONLY_BUFFER"],
]);

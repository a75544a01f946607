/**
 * A peer's end of the conversation with the benchmark: JSON, a line each, one answer per question. Knows no engine.
 *
 *   → {"case": NAME, "count": N}       ← {"ms": T}        N units of work took T ms in all, the last one's result awaited
 *   → {"case": NAME, "output": FILE}   ← {"elements": E}  one unit's result as raw f32, in PyTorch's shapes, is in FILE
 *                                      ← {"error": TEXT}  to either, when the engine cannot do it
 *
 * Before the first question it says {"engine": NAME AND VERSION}, or {"error": TEXT} and ends. All else goes to stderr.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [folder] = process.argv.slice(2);
const { settings: given, tensors } = JSON.parse(readFileSync(join(folder, "inputs.json"), "utf8"));

/** Numbers that all engines must share: epsilon, stepSize, pgdSteps, learningRate, momentum. */
export const settings = given;

/** Names of the tensors that start so, in order. */
export function namesUnder(prefix) { return Object.keys(tensors).filter((name) => name.startsWith(prefix)); }

/** A tensor that the benchmark made, in PyTorch's shape. */
export function input(name) {
  const bytes = readFileSync(join(folder, `${name}.f32`));
  return { shape: tensors[name], data: new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)) };
}

/**
 * A case, made when it is first asked for. The first unit's result is the one that is compared.
 *
 * @typedef {object} Work
 * @property {() => any} run       starts one unit of work and gives a handle on its result
 * @property {(result: any) => Promise<void>} wait     until that result is there
 * @property {(result: any) => void} release   the result is not needed any more
 * @property {(result: any) => Promise<Float32Array>} output   the result in PyTorch's shape
 *
 * @param {() => Promise<{ engine: string, cases: Record<string, () => Work> }>} open
 */
export async function serve(open) {
  const { engine, cases } = await open().catch(fail);
  const made = new Map();
  const answer = async ({ case: name, count, output }) => {
    if (!Object.hasOwn(cases, name)) return { error: "not written for this engine" };
    if (!made.has(name)) made.set(name, cases[name]());
    const work = made.get(name);
    return output === undefined ? { ms: await timed(work, count) } : { elements: await write(work, output) };
  };
  say({ engine });
  for await (const line of createInterface(process.stdin)) say(await answer(JSON.parse(line)).catch((error) => ({ error: reason(error) })));
  process.exit(0); // Dawn would keep the event loop alive
}

async function timed(work, count) {
  const start = performance.now();
  let result;
  for (let i = 0; i < count; i++) {
    if (i > 0) work.release(result);
    result = work.run();
  }
  await work.wait(result);
  const ms = performance.now() - start;
  work.release(result);
  return ms;
}

async function write(work, file) {
  const result = work.run();
  const values = await work.output(result);
  work.release(result);
  writeFileSync(file, values);
  return values.length;
}

function say(message) { process.stdout.write(`${JSON.stringify(message)}\n`); }

function fail(error) {
  say({ error: reason(error) });
  process.exit(1);
}

function reason(error) { return String(error?.message ?? error).split("\n")[0].slice(0, 300); }

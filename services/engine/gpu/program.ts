import { EngineError } from "../errors.ts";
import type { Gpu } from "./device.ts";
import { type Dispatch, Dynamic, foldGrid, isTexture, type Step } from "./kernel.ts";
import { OFFSET_ALIGNMENT, roundUp, type Tensor, TEXTURE_ROW_BYTES, TEXTURE_WIDTH, type TensorTexture } from "./tensor.ts";
import { widened } from "./widen.ts";

interface Prepared {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly grid: readonly [number, number];
}

/**
 * A list of steps prepared to run again and again as one command buffer: pipelines compiled, bind groups made, kernel
 * parameters laid out in one uniform buffer. `run` creates no GPU object but the encoder that WebGPU demands.
 *
 * Steps run in order; each sees what the ones before it wrote. A program owns its uniform buffer and bind groups, never
 * the tensors its steps name: those must outlive it.
 */
export class Program {
  readonly #gpu: Gpu;
  readonly #steps: readonly Step[];
  readonly #prepared: ReadonlyMap<Step, Prepared>;
  readonly #uniforms: GPUBuffer;
  /** Where each dynamic scalar lies in the uniform buffer. */
  readonly #dynamics: ReadonlyMap<Dynamic, readonly { offset: number; type: string }[]>;
  readonly label: string;

  private constructor(gpu: Gpu, label: string, steps: readonly Step[], prepared: ReadonlyMap<Step, Prepared>, uniforms: GPUBuffer, dynamics: ReadonlyMap<Dynamic, { offset: number; type: string }[]>) {
    this.#gpu = gpu;
    this.label = label;
    this.#steps = steps;
    this.#prepared = prepared;
    this.#uniforms = uniforms;
    this.#dynamics = dynamics;
  }

  /** @throws EngineError SHADER_INVALID, SHAPE_MISMATCH (a dispatch that does not fit its spec). */
  static async prepare(gpu: Gpu, label: string, steps: readonly Step[]): Promise<Program> {
    const dispatches = [...new Set(steps.filter((s): s is Dispatch => s.kind === "dispatch"))];
    for (const dispatch of dispatches) checkAgainstSpec(dispatch);
    const launches = dispatches.map((dispatch) => widened(dispatch, gpu.family));
    const pipelines = await Promise.all(launches.map(({ spec }) => gpu.pipeline(spec)));
    const sizes = dispatches.map((d) => roundUp(Math.max(16, Object.keys(d.spec.params).length * 4), 16));
    const offsets: number[] = [];
    let total = 0;
    for (const size of sizes) { offsets.push(total); total += roundUp(size, OFFSET_ALIGNMENT); }
    gpu.check();
    const uniforms = gpu.device.createBuffer({ label: `${label}/params`, size: Math.max(total, OFFSET_ALIGNMENT), usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    const words = new DataView(new ArrayBuffer(Math.max(total, OFFSET_ALIGNMENT)));
    const dynamics = new Map<Dynamic, { offset: number; type: string }[]>();
    const prepared = new Map<Step, Prepared>();
    dispatches.forEach((dispatch, i) => {
      const { spec } = dispatch;
      Object.entries(spec.params).forEach(([name, type], field) => {
        const offset = offsets[i]! + field * 4;
        const value = dispatch.params[name]!;
        if (value instanceof Dynamic) dynamics.set(value, [...(dynamics.get(value) ?? []), { offset, type }]);
        else setScalar(words, offset, type, value);
      });
      const bindGroup = gpu.device.createBindGroup({
        label: spec.name,
        layout: pipelines[i]!.getBindGroupLayout(0),
        entries: [
          { binding: 0, resource: { buffer: uniforms, offset: offsets[i]!, size: sizes[i]! } },
          ...dispatch.buffers.map((t, b) => ({ binding: b + 1, resource: isTexture(spec, spec.reads[b]) ? t.texture!.view : bindingOf(t) })),
        ],
      });
      prepared.set(dispatch, { pipeline: pipelines[i]!, bindGroup, grid: foldGrid(launches[i]!.workgroups, gpu.gridLimit) });
    });
    gpu.device.queue.writeBuffer(uniforms, 0, words.buffer);
    return new Program(gpu, label, [...steps], prepared, uniforms, dynamics);
  }

  /** Encodes and submits everything. `values` must name every dynamic scalar of the program. Does not wait. */
  run(values: ReadonlyMap<Dynamic, number> = new Map()): void {
    const { device } = this.#gpu;
    this.#gpu.check();
    for (const [dynamic, places] of this.#dynamics) {
      const value = values.get(dynamic);
      if (value === undefined) throw new EngineError("VALUE_RANGE", `${this.label}: expected a value for ${dynamic.label}, got none`);
      const word = new DataView(new ArrayBuffer(4));
      for (const { offset, type } of places) {
        setScalar(word, 0, type, value);
        device.queue.writeBuffer(this.#uniforms, offset, word.buffer);
      }
    }
    const encoder = device.createCommandEncoder({ label: this.label });
    let pass: GPUComputePassEncoder | undefined;
    for (const step of this.#steps) {
      if (step.kind === "dispatch") {
        const { pipeline, bindGroup, grid } = this.#prepared.get(step)!;
        if (step.workgroups === 0) continue;
        pass ??= encoder.beginComputePass({ label: this.label });
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroup);
        pass.dispatchWorkgroups(...grid);
        continue;
      }
      pass?.end();
      pass = undefined;
      if (step.kind === "copy") encoder.copyBufferToBuffer(step.from.buffer, step.from.offset, step.to.buffer, step.to.offset, step.bytes);
      else if (step.kind === "texture") encodeToTexture(encoder, step.tensor);
      else encoder.clearBuffer(step.tensor.buffer, step.tensor.offset, step.tensor.bytes);
    }
    pass?.end();
    device.queue.submit([encoder.finish()]);
  }

  get dispatchCount(): number { return this.#steps.filter((s) => s.kind === "dispatch").length; }

  dispose(): void { this.#uniforms.destroy(); }
}

/** Prepares, runs once and forgets: for tests and one-off work. Does not wait. */
export async function runOnce(gpu: Gpu, label: string, steps: readonly Step[], values?: ReadonlyMap<Dynamic, number>): Promise<void> {
  const program = await Program.prepare(gpu, label, steps);
  program.run(values);
  program.dispose(); // safe: destruction waits for submitted work
}

/** `count` times the same steps; use `steps(i)` only for what differs between iterations, so that the rest is shared. */
export function repeat(count: number, steps: (iteration: number) => readonly Step[]): Step[] {
  return Array.from({ length: count }, (_, i) => steps(i)).flat();
}

export function copy(from: Tensor, to: Tensor): Step {
  if (from.bytes > to.bytes) throw new EngineError("SHAPE_MISMATCH", `copy: expected ${to.label} to hold ${from.bytes} bytes, got ${to.bytes}`);
  return { kind: "copy", from, to, bytes: from.bytes };
}

export function clear(tensor: Tensor): Step { return { kind: "clear", tensor }; }

export function toTexture(tensor: Tensor & { readonly texture: TensorTexture }): Step { return { kind: "texture", tensor }; }

/** A copy of a buffer to a texture is a rectangle: the whole rows first, then what is left of the last one. */
function encodeToTexture(encoder: GPUCommandEncoder, { buffer, offset, bytes, texture: { texture } }: Tensor & { readonly texture: TensorTexture }): void {
  const texels = roundUp(bytes, 16) / 16;
  const rows = Math.floor(texels / TEXTURE_WIDTH);
  const rest = texels % TEXTURE_WIDTH;
  if (rows > 0) encoder.copyBufferToTexture({ buffer, offset, bytesPerRow: TEXTURE_ROW_BYTES }, { texture }, [TEXTURE_WIDTH, rows]);
  if (rest > 0) encoder.copyBufferToTexture({ buffer, offset: offset + rows * TEXTURE_ROW_BYTES }, { texture, origin: [0, rows] }, [rest, 1]);
}

function bindingOf(tensor: Tensor): GPUBufferBinding {
  return { buffer: tensor.buffer, offset: tensor.offset, size: Math.min(roundUp(tensor.bytes, 16), tensor.buffer.size - tensor.offset) };
}

function setScalar(view: DataView, offset: number, type: string, value: number): void {
  if (type === "f32") view.setFloat32(offset, value, true);
  else if (type === "i32") view.setInt32(offset, value, true);
  else view.setUint32(offset, value, true);
}

function checkAgainstSpec({ spec, params, buffers, workgroups }: Dispatch): void {
  const missing = Object.keys(spec.params).filter((name) => params[name] === undefined);
  const expected = spec.reads.length + spec.writes.length;
  if (missing.length > 0) throw new EngineError("SHAPE_MISMATCH", `${spec.name}: expected params ${Object.keys(spec.params).join(", ")}, ${missing.join(", ")} missing`);
  if (buffers.length !== expected) throw new EngineError("SHAPE_MISMATCH", `${spec.name}: expected ${expected} buffers, got ${buffers.length}`);
  const bare = spec.reads.filter((name, i) => isTexture(spec, name) && !buffers[i]!.texture);
  if (bare.length > 0) throw new EngineError("SHAPE_MISMATCH", `${spec.name}: expected tensors with a texture, ${bare.join(", ")} has none`);
  if (!Number.isSafeInteger(workgroups) || workgroups < 0) throw new EngineError("SHAPE_MISMATCH", `${spec.name}: expected a count of workgroups, got ${workgroups}`);
}

// conv/implicit-gemm-matrix — y[m, k] = finish( bias[k] + Σ_tap Σ_c x[pixel(m, tap), c] · w[tap, c, k] ), by matrix units
//
// in    x [n, in_h, in_w, C] f32|f16    as conv/implicit-gemm-tiled; both operands are of one type
//       w [kh·kw, C, K] f32|f16
//       bias [K], residual, mask as y   read only where params.flags says so (lib/conv-epilogue)
// out   y [n, out_h, out_w, K] f32      rows m are the pixels (out_y + gy·out_step_y, out_x + gx·out_step_x) of it
// grid  128 invocations, four subgroups of 32, per tile of 64 rows × 64 output channels
// err   none here: the binding checks sizes; a subgroup must have 32 invocations
// src   conv/implicit-gemm-tiled with the innermost products of SIDE × SIDE blocks left to lib/matrix-unit
// twin  services/engine/reference/conv/convolution.ts
//
// Each subgroup sums a quarter of the tile, 32 × 32, in (32 / SIDE)² blocks that stay in its matrix registers. The order of
// a sum inside a block is the adapter's own, and does not depend on the row.

//#if HALF
enable f16;
//#end
//#if UNIT
enable subgroups;
enable chromium_experimental_subgroup_matrix;
//#end

struct Params {
  rows: u32,                                // what each means: conv/implicit-gemm-tiled
  c4: u32,
  k4: u32,
  grid_h: u32,
  grid_w: u32,
  in_h: u32,
  in_w: u32,
  in_step_y: i32,
  in_step_x: i32,
  y0: i32,
  x0: i32,
  taps_y: u32,
  taps_x: u32,
  tap_step_y: i32,
  tap_step_x: i32,
  ky0: u32,
  kx0: u32,
  k_step_y: u32,
  k_step_x: u32,
  kw: u32,
  out_h: u32,
  out_w: u32,
  out_step_y: u32,
  out_step_x: u32,
  out_y: u32,
  out_x: u32,
  flags: u32,
}

//#if HALF
alias Cell = f16;
alias Quad = vec4h;
//#else
alias Cell = f32;
alias Quad = vec4f;
//#end
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Quad>;
@group(0) @binding(2) var<storage, read> w: array<Quad>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read> mask: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

const QUADS = ${QUADS}u;                    // vec4 of the reduction per slab
const COLUMNS = 16u;                        // vec4 columns of the tile
const THREADS = 128u;
const PITCH_X = ${4 * QUADS + 8}u;          // more than a row holds, so that rows start in different banks
const PITCH_W = 72u;
const SLAB_X = 64u * PITCH_X;
const SLAB_W = 4u * QUADS * PITCH_W;
const BLOCK = ${SIDE * SIDE}u;
// Two slabs each: one is written while the other is read, so one barrier per slab is enough.
var<workgroup> slab_x: array<Cell, 2u * SLAB_X>;                    // [row][c]
var<workgroup> slab_w: array<Cell, 2u * SLAB_W>;                    // [c][column]
var<workgroup> block: array<f32, 4u * BLOCK>;                       // [subgroup][row][column]: sums on their way to y

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
  //#if UNIT
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_invocation_id) lane: u32,
  //#end
) {
  //#if !UNIT
  let subgroup = local / 32u;
  let lane = local % 32u;
  //#end
  let tiles_k = (params.k4 + COLUMNS - 1u) / COLUMNS;
  let tiles_m = (params.rows + 63u) / 64u;
  let tile = flat_workgroup(group, groups);
  if (tile >= tiles_m * tiles_k) { return; }                        // uniform: barriers below are legal
  let first = tile / tiles_k * 64u;
  let first_k = tile % tiles_k * COLUMNS;
  let reduction = params.taps_y * params.taps_x * params.c4;

  // What this invocation loads of x: quad local % QUADS of rows load_row + i · THREADS / QUADS; of w: QUADS / 2 channels.
  let load_row = local / QUADS;
  var at_x = position(local % QUADS);
  //#for i in 0..QUADS / 2
  let m${i} = first + load_row + ${i}u * THREADS / QUADS;
  let q${i} = m${i} / params.grid_w;
  let image${i} = q${i} / params.grid_h;
  let ix${i} = i32(m${i} % params.grid_w) * params.in_step_x + params.x0;
  let iy_inside${i} = i32(q${i} % params.grid_h) * params.in_step_y + params.y0;
  let iy${i} = select(FAR, iy_inside${i}, m${i} < params.rows);
  let pixel${i} = image${i} * params.in_h * params.in_w + u32(iy_inside${i} * i32(params.in_w) + ix${i});
  var next_x${i} = Quad();
  var next_w${i} = Quad();
  //#end
  let load_channel = local / COLUMNS * ${QUADS / 2}u;
  var at_w = position(load_channel / 4u);
  let load_k = min(first_k + local % COLUMNS, params.k4 - 1u);
  let step = position(QUADS);

  let corner_x = subgroup / 2u * 32u * PITCH_X;
  let corner_w = subgroup % 2u * 32u;
  //#for i in 0..32 / SIDE
  //#for j in 0..32 / SIDE
  var sum${i}_${j} = Sum();
  //#end
  //#end

  // Turn `at` fetches the slab that begins there and multiplies the one before it. Past the end of the reduction both
  // operands are 0, so that neither meets an infinity of the other.
  var slab = 0u;
  for (var at = 0u; at < reduction + QUADS; at += QUADS) {
    if (at < reduction) {
      let ty = select(FAR, i32(at_x.z) * params.tap_step_y, at_x.z < params.taps_y);
      let tx = i32(at_x.y) * params.tap_step_x;
      let tap_pixel = u32(ty * i32(params.in_w) + tx);
      let element = (params.ky0 + at_w.z * params.k_step_y) * params.kw + params.kx0 + at_w.y * params.k_step_x;
      let source = ((element * params.c4 + at_w.x) * 4u + load_channel % 4u) * params.k4 + load_k;
      let real = at_w.z < params.taps_y;
      //#for i in 0..QUADS / 2
      {
        // Above or left of the image wraps round to something huge. & and select, not && and if: no branches.
        let inside = (u32(iy${i} + ty) < params.in_h) & (u32(ix${i} + tx) < params.in_w);
        next_x${i} = select(Quad(), x[select(0u, (pixel${i} + tap_pixel) * params.c4 + at_x.x, inside)], inside);
        next_w${i} = select(Quad(), w[select(0u, source + ${i}u * params.k4, real)], real);
      }
      //#end
      at_x = advanced(at_x, step);
      at_w = advanced(at_w, step);
    }
    if (at > 0u) {
      let from_x = (slab ^ 1u) * SLAB_X + corner_x;
      let from_w = (slab ^ 1u) * SLAB_W + corner_w;
      for (var z = 0u; z < 4u * QUADS; z += ${SIDE}u) {
        //#for j in 0..32 / SIDE
        let b${j} = load_right(from_w + z * PITCH_W + ${j * SIDE}u, lane);
        //#end
        //#for i in 0..32 / SIDE
        let a${i} = load_left(from_x + ${i * SIDE}u * PITCH_X + z, lane);
        //#for j in 0..32 / SIDE
        sum${i}_${j} = multiplied(a${i}, b${j}, sum${i}_${j});
        //#end
        //#end
      }
    }
    if (at < reduction) {
      //#for i in 0..QUADS / 2
      //#for q in 0..4
      slab_x[slab * SLAB_X + (load_row + ${i}u * THREADS / QUADS) * PITCH_X + local % QUADS * 4u + ${q}u] = next_x${i}[${q}];
      slab_w[slab * SLAB_W + (load_channel + ${i}u) * PITCH_W + local % COLUMNS * 4u + ${q}u] = next_w${i}[${q}];
      //#end
      //#end
    }
    workgroupBarrier();
    slab ^= 1u;
  }

  // Block by block to workgroup memory, where each lane picks up whole vec4 of a row.
  for (var i = 0u; i < min(${32 / SIDE}u, (params.rows - first + ${SIDE - 1}u) / ${SIDE}u); i++) {
    //#for j in 0..32 / SIDE
    //#for s in 0..32 / SIDE
    if (i == ${s}u) { store(subgroup * BLOCK, sum${s}_${j}, lane); }
    //#end
    workgroupBarrier();
    finish_block(first + subgroup / 2u * 32u + i * ${SIDE}u, first_k + subgroup % 2u * 8u + ${j * SIDE / 4}u, subgroup * BLOCK, lane);
    workgroupBarrier();                     // the next block takes its place
    //#end
  }
}

fn finish_block(first: u32, first_k: u32, cells: u32, lane: u32) {
  for (var cell = lane; cell < BLOCK / 4u; cell += 32u) {
    let m = first + cell / ${SIDE / 4}u;
    let k = first_k + cell % ${SIDE / 4}u;
    if ((m < params.rows) & (k < params.k4)) {
      let to = output_pixel(m) * params.k4 + k;
      let at = cells + cell * 4u;
      y[to] = finish(initial(k) + vec4f(block[at], block[at + 1u], block[at + 2u], block[at + 3u]), to);
    }
  }
}

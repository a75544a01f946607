// conv/implicit-gemm-tiled — y[b, m, k] = finish( bias[k] + Σ_tap Σ_c x[b, pixel(m, tap), c] · w[b, tap, c, k] )
//
// in    x [n, in_h, in_w, C] f32|f16    forward: the activation; backward-data: dy
//       w [kh·kw, C, K] f32|f16         forward: the weight; backward-data: transposed by conv/transpose-weight
//       bias [K], residual, mask as y   read only where params.flags says so (lib/conv-epilogue)
// out   y [n, out_h, out_w, K] f32      rows m are the pixels (out_y + gy·out_step_y, out_x + gx·out_step_x) of it
// grid  (BM / TM) · (BQ / TN) invocations per tile of BM rows × BQ vec4 of output channels, and per batch
// err   none here: the binding checks sizes
// src   Chellapilla et al. 2006 (convolution as matrix product), with the input never unrolled; the tiling is that of
//       Volkov & Demmel 2008 and CUTLASS: workgroup memory feeds registers, the next slab is fetched behind the products
// twin  services/engine/reference/conv/convolution.ts
//
// `batches` independent products whose x, w and y follow each other: 1 but for Winograd's (conv/winograd-*).
// The reduction runs over the flat list of (tap, c) in vec4, QUADS of them per slab, so few channels fill a slab with
// several taps. The order of a sum is that list's in every tile, so the tile is no part of a result's bits.

//#if X16 || W16
enable f16;
//#end

struct Params {
  rows: u32,                                // n · grid_h · grid_w, of one batch
  c4: u32,                                  // vec4 per input and output pixel
  k4: u32,
  grid_h: u32,                              // m = (image · grid_h + gy) · grid_w + gx
  grid_w: u32,
  in_h: u32,
  in_w: u32,
  in_step_y: i32,                           // input pixels per grid pixel
  in_step_x: i32,
  y0: i32,                                  // input pixel that tap (0, 0) reads at grid pixel (0, 0)
  x0: i32,
  taps_y: u32,
  taps_x: u32,
  tap_step_y: i32,                          // input pixels per tap
  tap_step_x: i32,
  ky0: u32,                                 // tap (ty, tx) is element (ky0 + ty·k_step_y, kx0 + tx·k_step_x) of the kh × kw filter
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
  batches: u32,                             // more than one only where x and y are matrices of `rows` rows
}

//#if X16
alias XQuad = vec4h;
//#else
alias XQuad = vec4f;
//#end
//#if W16
alias WQuad = vec4h;
//#else
alias WQuad = vec4f;
//#end
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<XQuad>;
@group(0) @binding(2) var<storage, read> w: array<WQuad>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read> mask: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

const QUADS = ${QUADS}u;                    // vec4 of the reduction per slab
const COLUMNS = ${BQ}u;                     // vec4 columns of the tile
const ACROSS = ${BQ / TN}u;                 // invocations side by side: each holds TN columns, ACROSS apart
const DOWN = ${BM / TM}u;                   // and TM rows, DOWN apart, so that neighbours read neighbouring cells
const THREADS = ${BM / TM * BQ / TN}u;
const SLAB_X = ${BM * QUADS}u;
const SLAB_W = ${4 * QUADS * BQ}u;
// Two slabs each: one is written while the other is read, so one barrier per slab is enough.
var<workgroup> slab_x: array<vec4f, 2 * SLAB_X>;                    // [row][quad ^ swizzle(row)]
var<workgroup> slab_w: array<vec4f, 2 * SLAB_W>;                    // [c][column]

// The eight invocations that a GPU serves at once read and write vec4 of all 32 banks, without padding between rows.
fn swizzle(row: u32) -> u32 { return row / ${8 / QUADS}u % QUADS; }

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tiles_k = (params.k4 + COLUMNS - 1u) / COLUMNS;
  let tiles_m = (params.rows + ${BM - 1}u) / ${BM}u;
  let flat = flat_workgroup(group, groups);
  if (flat >= tiles_m * tiles_k * params.batches) { return; }       // uniform: barriers below are legal
  let batch = flat / (tiles_m * tiles_k);
  let tile = flat % (tiles_m * tiles_k);
  let first = tile / tiles_k * ${BM}u;                              // tiles of the same rows are neighbours: they share x in the cache
  let first_k = tile % tiles_k * COLUMNS;
  let reduction = params.taps_y * params.taps_x * params.c4;

  // What this invocation loads of x: quad local % QUADS of rows load_row + i · THREADS / QUADS.
  let load_row = local / QUADS;
  var at_x = position(local % QUADS);
  //#for i in 0..QUADS * TM * TN / BQ
  let m${i} = first + load_row + ${i * (BM / TM) * (BQ / TN) / QUADS}u;
  let q${i} = m${i} / params.grid_w;
  let image${i} = q${i} / params.grid_h + batch;
  let ix${i} = i32(m${i} % params.grid_w) * params.in_step_x + params.x0;
  let iy_inside${i} = i32(q${i} % params.grid_h) * params.in_step_y + params.y0;
  let iy${i} = select(FAR, iy_inside${i}, m${i} < params.rows);
  let pixel${i} = image${i} * params.in_h * params.in_w + u32(iy_inside${i} * i32(params.in_w) + ix${i});
  var next_x${i} = vec4f(0.0);
  //#end
  // Of w: LOADS_W channels of one quad, in one column. LOADS_W = 4 · QUADS · COLUMNS / THREADS.
  let load_channel = local / COLUMNS * ${4 * QUADS * TM * TN / BM}u;
  var at_w = position(load_channel / 4u);
  let load_k = batch * reduction * 4u * params.k4 + min(first_k + local % COLUMNS, params.k4 - 1u);
  //#for i in 0..4 * QUADS * TM * TN / BM
  var next_w${i} = vec4f(0.0);
  //#end
  let step = position(QUADS);

  let row = local / ACROSS;
  let column = local % ACROSS;
  //#for j in 0..TN
  let start${j} = initial(min(first_k + column + ${j}u * ACROSS, params.k4 - 1u));
  //#for i in 0..TM
  var sum${i}_${j} = start${j};
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
      //#for i in 0..QUADS * TM * TN / BQ
      {
        // Above or left of the image wraps round to something huge. & and select, not && and if: no branches.
        let inside = (u32(iy${i} + ty) < params.in_h) & (u32(ix${i} + tx) < params.in_w);
        next_x${i} = select(vec4f(0.0), vec4f(x[select(0u, (pixel${i} + tap_pixel) * params.c4 + at_x.x, inside)]), inside);
      }
      //#end
      let element = (params.ky0 + at_w.z * params.k_step_y) * params.kw + params.kx0 + at_w.y * params.k_step_x;
      let source = ((element * params.c4 + at_w.x) * 4u + load_channel % 4u) * params.k4 + load_k;
      let real = at_w.z < params.taps_y;
      //#for i in 0..4 * QUADS * TM * TN / BM
      next_w${i} = select(vec4f(0.0), vec4f(w[select(0u, source + ${i}u * params.k4, real)]), real);
      //#end
      at_x = advanced(at_x, step);
      at_w = advanced(at_w, step);
    }
    if (at > 0u) {
      let from_x = (slab ^ 1u) * SLAB_X + row * QUADS;
      let from_w = (slab ^ 1u) * SLAB_W + column;
      let twist = swizzle(row);                                     // that of rows DOWN apart too
      for (var z = 0u; z < QUADS; z++) {
        //#for q in 0..4
        //#for j in 0..TN
        let b${q}_${j} = slab_w[from_w + (z * 4u + ${q}u) * COLUMNS + ${j}u * ACROSS];
        //#end
        //#end
        //#for i in 0..TM
        let a${i} = slab_x[from_x + ${i}u * DOWN * QUADS + (z ^ twist)];
        //#for q in 0..4
        //#for j in 0..TN
        sum${i}_${j} = fma(vec4f(a${i}.${"xyzw"[q]}), b${q}_${j}, sum${i}_${j});
        //#end
        //#end
        //#end
      }
    }
    if (at < reduction) {
      //#for i in 0..QUADS * TM * TN / BQ
      {
        let to = load_row + ${i * (BM / TM) * (BQ / TN) / QUADS}u;
        slab_x[slab * SLAB_X + to * QUADS + ((local % QUADS) ^ swizzle(to))] = next_x${i};
      }
      //#end
      //#for i in 0..4 * QUADS * TM * TN / BM
      slab_w[slab * SLAB_W + (load_channel + ${i}u) * COLUMNS + local % COLUMNS] = next_w${i};
      //#end
    }
    workgroupBarrier();
    slab ^= 1u;
  }

  // A loop of unknown length, and selects to pick its row: unrolled, what follows a sum would be most of the code.
  let last = max(params.rows, first + row);
  for (var i = 0u; i < min(${TM}u, (last - first - row + DOWN - 1u) / DOWN); i++) {
    let to = (batch * params.rows + output_pixel(first + row + i * DOWN)) * params.k4;
    //#for j in 0..TN
    var sum${j} = sum0_${j};
    //#for s in 1..TM
    sum${j} = select(sum${j}, sum${s}_${j}, i == ${s}u);
    //#end
    let k${j} = first_k + column + ${j}u * ACROSS;
    if (k${j} < params.k4) { y[to + k${j}] = finish(sum${j}, to + k${j}); }
    //#end
  }
}

// conv/implicit-gemm-tiled — y[m, k] = finish( bias[k] + Σ_tap Σ_c x[pixel(m, tap), c] · w[tap, c, k] )
//
// in    x [n, in_h, in_w, C] f32        forward: the activation; backward-data: dy
//       w [kh·kw, C, K] f32             forward: the weight; backward-data: transposed by conv/transpose-weight
//       bias [K], residual, mask as y   read only where params.flags says so (lib/conv-epilogue)
// out   y [n, out_h, out_w, K] f32      rows m are the pixels (out_y + gy·out_step, out_x + gx·out_step) of it
// grid  64 invocations, 8 × 8, per tile of 8·TM rows × 32·TN output channels
// err   none here: the binding checks sizes
// src   Chellapilla et al. 2006 (convolution as matrix product), with the input never unrolled; tiles in workgroup memory
// twin  services/engine/reference/conv/convolution.ts
//
// The same Params as conv/implicit-gemm-subgroup. The reduction runs over the flat list of (tap, c), four vec4 of it per
// slab, so few channels fill a slab with several taps. An invocation holds TM rows × TN vec4; rows and columns of the 8 × 8
// invocations are interleaved, so that neighbours read neighbouring banks. The order of a sum is that of (tap, c).

struct Params {
  rows: u32,                                // n · grid_h · grid_w
  c4: u32,                                  // vec4 per input and output pixel
  k4: u32,
  grid_h: u32,                              // m = (image · grid_h + gy) · grid_w + gx
  grid_w: u32,
  in_h: u32,
  in_w: u32,
  in_step: i32,                             // input pixels per grid pixel
  y0: i32,                                  // input pixel that tap (0, 0) reads at grid pixel (0, 0)
  x0: i32,
  taps_y: u32,
  taps_x: u32,
  tap_step: i32,                            // input pixels per tap
  ky0: u32,                                 // tap (ty, tx) is element (ky0 + ty·k_step, kx0 + tx·k_step) of the kh × kw filter
  kx0: u32,
  k_step: u32,
  kw: u32,
  out_h: u32,
  out_w: u32,
  out_step: u32,
  out_y: u32,
  out_x: u32,
  flags: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read> mask: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

const QUADS = 4u;                           // vec4 of the reduction per slab
const PITCH = QUADS + 1u;                   // one vec4 more than a row holds: neighbouring rows start in different banks
const COLUMNS = ${8 * TN}u;                 // vec4 columns of the tile
var<workgroup> slab_x: array<vec4f, ${8 * TM} * PITCH>;             // [row][quad]
var<workgroup> slab_w: array<vec4f, 4 * QUADS * COLUMNS>;           // [c][column]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tiles_k = (params.k4 + COLUMNS - 1u) / COLUMNS;
  let tiles_m = (params.rows + ${8 * TM - 1}u) / ${8 * TM}u;
  let tile = flat_workgroup(group, groups);
  if (tile >= tiles_m * tiles_k) { return; }                        // uniform: barriers below are legal
  let first = tile / tiles_k * ${8 * TM}u;
  let first_k = tile % tiles_k * COLUMNS;

  // What this invocation loads: quad `local % 4` of rows local / 4 + 16·i, and column `local % COLUMNS` of some channels.
  let quad = local % QUADS;
  let load_k = min(first_k + local % COLUMNS, params.k4 - 1u);
  //#for i in 0..TM / 2
  let m${i} = first + local / QUADS + ${16 * i}u;
  let q${i} = m${i} / params.grid_w;
  let image${i} = q${i} / params.grid_h;
  let iy${i} = i32(q${i} % params.grid_h) * params.in_step + params.y0;
  let ix${i} = i32(m${i} % params.grid_w) * params.in_step + params.x0;
  //#end
  let row = local / 8u;
  let column = local % 8u;
  //#for j in 0..TN
  let start${j} = initial(min(first_k + column + ${8 * j}u, params.k4 - 1u));
  //#for i in 0..TM
  var sum${i}_${j} = start${j};
  //#end
  //#end

  // Past the end of the reduction both operands are 0, so that neither meets an infinity of the other.
  let reduction = params.taps_y * params.taps_x * params.c4;
  for (var at = 0u; at < reduction; at += QUADS) {
    let tap = (at + quad) / params.c4;
    let c = (at + quad) % params.c4;
    let dy = i32(tap / max(params.taps_x, 1u)) * params.tap_step;
    let dx = i32(tap % max(params.taps_x, 1u)) * params.tap_step;
    //#for i in 0..TM / 2
    {
      let py = u32(iy${i} + dy);                                      // above or left of the image: wraps round to something huge
      let px = u32(ix${i} + dx);
      let inside = (m${i} < params.rows) & (at + quad < reduction) & (py < params.in_h) & (px < params.in_w); // & not &&: no branches
      let source = select(0u, ((image${i} * params.in_h + py) * params.in_w + px) * params.c4 + c, inside);
      slab_x[(local / QUADS + ${16 * i}u) * PITCH + quad] = select(vec4f(0.0), x[source], inside);
    }
    //#end
    //#for i in 0..2 * TN
    {
      let channel = local / COLUMNS + ${i * 8 / TN}u;
      let flat = at + channel / 4u;
      let t = flat / params.c4;
      let element = (params.ky0 + t / max(params.taps_x, 1u) * params.k_step) * params.kw + params.kx0 + t % max(params.taps_x, 1u) * params.k_step;
      let source = select(0u, ((element * params.c4 + flat % params.c4) * 4u + channel % 4u) * params.k4 + load_k, flat < reduction);
      slab_w[channel * COLUMNS + local % COLUMNS] = select(vec4f(0.0), w[source], flat < reduction);
    }
    //#end
    workgroupBarrier();
    for (var z = 0u; z < QUADS; z++) {
      //#for i in 0..TM
      let a${i} = slab_x[(row + ${8 * i}u) * PITCH + z];
      //#end
      //#for q in 0..4
      //#for j in 0..TN
      let b${q}_${j} = slab_w[(z * 4u + ${q}u) * COLUMNS + column + ${8 * j}u];
      //#for i in 0..TM
      sum${i}_${j} = fma(vec4f(a${i}.${"xyzw"[q]}), b${q}_${j}, sum${i}_${j});
      //#end
      //#end
      //#end
    }
    workgroupBarrier();                                             // nobody may still read when the next slab is written
  }

  // A loop, which compilers for GPUs unroll and those for software rasterisers need not; selects pick the row.
  for (var i = 0u; i < ${TM}u; i++) {
    let m = first + row + 8u * i;
    let q = m / params.grid_w;
    let pixel = (q / params.grid_h * params.out_h + q % params.grid_h * params.out_step + params.out_y) * params.out_w + m % params.grid_w * params.out_step + params.out_x;
    //#for j in 0..TN
    var sum${j} = sum0_${j};
    //#for s in 1..TM
    sum${j} = select(sum${j}, sum${s}_${j}, i == ${s}u);
    //#end
    let k${j} = first_k + column + ${8 * j}u;
    if ((m < params.rows) & (k${j} < params.k4)) { y[pixel * params.k4 + k${j}] = finish(sum${j}, pixel * params.k4 + k${j}); }
    //#end
  }
}

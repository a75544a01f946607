// conv/weight-gradient-tiled — part[slice, tap, c, k] = Σ_{pixels m of the slice} x[pixel(m, tap), c] · dy[m, k]
//
// in    x [n, h, w, C] f32              the layer's input
//       dy [n, oh, ow, K] f32           gradient of its output
// out   part [slices, kh·kw, C, K] f32  conv/sum-slices adds the slices; with one slice this is dw itself
// grid  64 invocations, 8 × 8, per slice and tile of 32·TM rows (tap, c) × 32·TN channels k
// err   none here: the binding checks sizes
// src   dw = xᵀ·dy with x never unrolled; tiles in workgroup memory
// twin  services/engine/reference/conv/convolution-grad-weight.ts
//
// Rows are the flat list of (tap, c) in vec4, so few channels fill a tile with many taps. A slice is pixels_per_slice
// consecutive output pixels m = (image · oh + oy) · ow + ox; a slab holds 16 of them. An invocation holds TM vec4 of rows ×
// TN vec4 of columns, interleaved with its neighbours'.

struct Params {
  pixels: u32,                              // n · oh · ow
  pixels_per_slice: u32,
  slices: u32,
  oh: u32,
  ow: u32,
  h: u32,
  w: u32,
  stride: u32,
  padding: u32,
  kw: u32,
  c4: u32,
  k4: u32,
  row_quads: u32,                           // kh · kw · c4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> part: array<vec4f>;

const PIXELS = 16u;                         // output pixels per slab
const ROWS = ${8 * TM}u;                    // vec4 rows of the tile
const COLUMNS = ${8 * TN}u;                 // vec4 columns of the tile
var<workgroup> slab_x: array<vec4f, PIXELS * ROWS>;                 // [pixel][row]
var<workgroup> slab_dy: array<vec4f, PIXELS * COLUMNS>;             // [pixel][column]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tiles_k = (params.k4 + COLUMNS - 1u) / COLUMNS;
  let tiles_row = (params.row_quads + ROWS - 1u) / ROWS;
  let flat = flat_workgroup(group, groups);
  let slice = flat / (tiles_k * tiles_row);
  if (slice >= params.slices) { return; }                           // uniform: barriers below are legal
  let tile = flat % (tiles_k * tiles_row);
  let first_row = tile / tiles_k * ROWS;
  let first_k = tile % tiles_k * COLUMNS;

  let load_quad = first_row + local % ROWS;                         // the row that this invocation loads for every pixel
  let tap = load_quad / params.c4;
  let c = load_quad % params.c4;
  let ky = i32(tap / params.kw) - i32(params.padding);
  let kx = i32(tap % params.kw) - i32(params.padding);
  let load_k = min(first_k + local % COLUMNS, params.k4 - 1u);
  let row = local / 8u;
  let column = local % 8u;
  //#for r in 0..4 * TM
  //#for j in 0..TN
  var sum${r}_${j} = vec4f(0.0);
  //#end
  //#end

  // Past the end of the slice both operands are 0, so that neither meets an infinity of the other.
  let end = min((slice + 1u) * params.pixels_per_slice, params.pixels);
  for (var at = slice * params.pixels_per_slice; at < end; at += PIXELS) {
    //#for i in 0..2 * TM
    {
      let pixel = local / ROWS + ${i * 8 / TM}u;
      let m = at + pixel;
      let line = m / params.ow;
      let iy = u32(i32(line % params.oh * params.stride) + ky);     // above or left of the image: wraps round to something huge
      let ix = u32(i32(m % params.ow * params.stride) + kx);
      let inside = (m < end) & (load_quad < params.row_quads) & (iy < params.h) & (ix < params.w); // & not &&: no branches
      let source = select(0u, ((line / params.oh * params.h + iy) * params.w + ix) * params.c4 + c, inside);
      slab_x[pixel * ROWS + local % ROWS] = select(vec4f(0.0), x[source], inside);
    }
    //#end
    //#for i in 0..2 * TN
    {
      let pixel = local / COLUMNS + ${i * 8 / TN}u;
      let inside = at + pixel < end;
      slab_dy[pixel * COLUMNS + local % COLUMNS] = select(vec4f(0.0), dy[select(0u, (at + pixel) * params.k4 + load_k, inside)], inside);
    }
    //#end
    workgroupBarrier();
    for (var p = 0u; p < PIXELS; p++) {
      //#for j in 0..TN
      let d${j} = slab_dy[p * COLUMNS + column + ${8 * j}u];
      //#end
      //#for i in 0..TM
      let a${i} = slab_x[p * ROWS + row + ${8 * i}u];
      //#for q in 0..4
      //#for j in 0..TN
      sum${i * 4 + q}_${j} = fma(vec4f(a${i}.${"xyzw"[q]}), d${j}, sum${i * 4 + q}_${j});
      //#end
      //#end
      //#end
    }
    workgroupBarrier();                                             // nobody may still read when the next slab is written
  }

  // A loop, which compilers for GPUs unroll and those for software rasterisers need not; selects pick the row.
  for (var r = 0u; r < ${4 * TM}u; r++) {
    let quad = first_row + row + r / 4u * 8u;
    //#for j in 0..TN
    var sum${j} = sum0_${j};
    //#for s in 1..4 * TM
    sum${j} = select(sum${j}, sum${s}_${j}, r == ${s}u);
    //#end
    let k${j} = first_k + column + ${8 * j}u;
    if ((quad < params.row_quads) & (k${j} < params.k4)) { part[((slice * params.row_quads + quad) * 4u + r % 4u) * params.k4 + k${j}] = sum${j}; }
    //#end
  }
}

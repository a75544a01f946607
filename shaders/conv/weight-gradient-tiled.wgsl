// conv/weight-gradient-tiled — part[slice, tap, c, k] = Σ_{pixels m of the slice} x[pixel(m, tap), c] · dy[m, k]
//
// in    x [n, h, w, C] f32              the layer's input
//       dy [n, oh, ow, K] f32           gradient of its output
// out   part [slices, kh·kw, C, K] f32  conv/sum-slices adds the slices; with one slice this is dw itself
// grid  (RQ / TM) · (CQ / TN) invocations per slice and tile of RQ vec4 of rows (tap, c) × CQ vec4 of channels k
// err   none here: the binding checks sizes
// src   dw = xᵀ·dy with x never unrolled; tiled as conv/implicit-gemm-tiled
// twin  services/engine/reference/conv/convolution-grad-weight.ts
//
// Rows are the flat list of (tap, c) in vec4, so few channels fill a tile with many taps. A slice is pixels_per_slice
// consecutive output pixels m = (image · oh + oy) · ow + ox; a slab holds PIXELS of them. The order of a sum is that of
// the pixels.

struct Params {
  pixels: u32,                              // n · oh · ow
  pixels_per_slice: u32,
  slices: u32,
  oh: u32,
  ow: u32,
  h: u32,
  w: u32,
  stride_y: u32,
  stride_x: u32,
  top: i32,                                 // padding
  left: i32,
  dilation_y: i32,                          // pixels of x per tap
  dilation_x: i32,
  kw: u32,
  c4: u32,
  k4: u32,
  row_quads: u32,                           // kh · kw · c4
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> part: array<vec4f>;

const PIXELS = ${PIXELS}u;                  // output pixels per slab
const ROWS = ${RQ}u;                        // vec4 rows of the tile
const COLUMNS = ${CQ}u;                     // vec4 columns of the tile
const ACROSS = ${CQ / TN}u;                 // invocations side by side: each holds TN vec4 columns, ACROSS apart
const DOWN = ${RQ / TM}u;                   // and TM vec4 rows, DOWN apart, so that neighbours read neighbouring cells
const THREADS = ${RQ / TM * CQ / TN}u;
const LANES = THREADS / PIXELS;             // invocations that load one pixel
const SLAB_X = PIXELS * ROWS;
const SLAB_DY = PIXELS * COLUMNS;
// Two slabs each: one is written while the other is read, so one barrier per slab is enough.
var<workgroup> slab_x: array<vec4f, 2 * SLAB_X>;                    // [pixel][row]
var<workgroup> slab_dy: array<vec4f, 2 * SLAB_DY>;                  // [pixel][column]

const FAR = 0x3fffffff;                     // a pixel coordinate outside of any image, also when two are added

// Which output pixel an invocation loads: (ox, oy, image). Steps forward by a slab without a division.
fn position(m: u32) -> vec3u {
  let line = m / params.ow;
  return vec3u(m % params.ow, line % params.oh, line / params.oh);
}

fn advanced(at: vec3u, step: vec3u) -> vec3u {
  let ox = at.x + step.x;
  let wrap_x = ox >= params.ow;
  let oy = at.y + step.y + select(0u, 1u, wrap_x);
  let wrap_y = oy >= params.oh;
  return vec3u(select(ox, ox - params.ow, wrap_x), select(oy, oy - params.oh, wrap_y), at.z + step.z + select(0u, 1u, wrap_y));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let tiles_k = (params.k4 + COLUMNS - 1u) / COLUMNS;
  let tiles_row = (params.row_quads + ROWS - 1u) / ROWS;
  let flat = flat_workgroup(group, groups);
  let slice = flat / (tiles_k * tiles_row);
  if (slice >= params.slices) { return; }                           // uniform: barriers below are legal
  let tile = flat % (tiles_k * tiles_row);
  let first_row = tile / tiles_k * ROWS;
  let first_k = tile % tiles_k * COLUMNS;
  let begin = slice * params.pixels_per_slice;
  let end = min(begin + params.pixels_per_slice, params.pixels);

  // This invocation loads of pixel `pixel` of each slab every LANES-th quad of x and of dy. Pixels begin with different
  // quads, so that what neighbours write lies in different banks.
  let pixel = local / LANES;
  let lane = local % LANES;
  var at_pixel = position(begin + pixel);
  let step = position(PIXELS);
  //#for i in 0..PIXELS * TM * TN / CQ
  let cell_x${i} = (${i}u + pixel) % ${PIXELS * TM * TN / CQ}u * LANES + lane;
  let quad${i} = first_row + cell_x${i};
  let tap${i} = quad${i} / params.c4;
  let ky_inside${i} = i32(tap${i} / params.kw) * params.dilation_y - params.top;
  let ky${i} = select(FAR, ky_inside${i}, quad${i} < params.row_quads);
  let kx${i} = i32(tap${i} % params.kw) * params.dilation_x - params.left;
  let offset${i} = u32(ky_inside${i} * i32(params.w) + kx${i}) * params.c4 + quad${i} % params.c4;
  var next_x${i} = vec4f(0.0);
  //#end
  //#for i in 0..PIXELS * TM * TN / RQ
  let cell_dy${i} = (${i}u + pixel) % ${PIXELS * TM * TN / RQ}u * LANES + lane;
  let k${i} = min(first_k + cell_dy${i}, params.k4 - 1u);
  var next_dy${i} = vec4f(0.0);
  //#end

  let row = local / ACROSS;
  let column = local % ACROSS;
  //#for r in 0..4 * TM
  //#for j in 0..TN
  var sum${r}_${j} = vec4f(0.0);
  //#end
  //#end

  // Turn `at` fetches the slab that begins there and multiplies the one before it. Past the end of the slice both operands
  // are 0, so that neither meets an infinity of the other.
  var slab = 0u;
  for (var at = begin; at < end + PIXELS; at += PIXELS) {
    if (at < end) {
      let m = at + pixel;
      let alive = m < end;
      let iy = select(FAR, i32(at_pixel.y * params.stride_y), alive);
      let ix = i32(at_pixel.x * params.stride_x);
      let source = ((at_pixel.z * params.h + at_pixel.y * params.stride_y) * params.w + at_pixel.x * params.stride_x) * params.c4;
      //#for i in 0..PIXELS * TM * TN / CQ
      {
        // Above or left of the image wraps round to something huge. & and select, not && and if: no branches.
        let inside = (u32(iy + ky${i}) < params.h) & (u32(ix + kx${i}) < params.w);
        next_x${i} = select(vec4f(0.0), x[select(0u, source + offset${i}, inside)], inside);
      }
      //#end
      //#for i in 0..PIXELS * TM * TN / RQ
      next_dy${i} = select(vec4f(0.0), dy[select(0u, m * params.k4 + k${i}, alive)], alive);
      //#end
      at_pixel = advanced(at_pixel, step);
    }
    if (at > begin) {
      let from_x = (slab ^ 1u) * SLAB_X + row;
      let from_dy = (slab ^ 1u) * SLAB_DY + column;
      for (var p = 0u; p < PIXELS; p++) {
        //#for j in 0..TN
        let d${j} = slab_dy[from_dy + p * COLUMNS + ${j}u * ACROSS];
        //#end
        //#for i in 0..TM
        let a${i} = slab_x[from_x + p * ROWS + ${i}u * DOWN];
        //#for q in 0..4
        //#for j in 0..TN
        sum${i * 4 + q}_${j} = fma(vec4f(a${i}.${"xyzw"[q]}), d${j}, sum${i * 4 + q}_${j});
        //#end
        //#end
        //#end
      }
    }
    if (at < end) {
      //#for i in 0..PIXELS * TM * TN / CQ
      slab_x[slab * SLAB_X + pixel * ROWS + cell_x${i}] = next_x${i};
      //#end
      //#for i in 0..PIXELS * TM * TN / RQ
      slab_dy[slab * SLAB_DY + pixel * COLUMNS + cell_dy${i}] = next_dy${i};
      //#end
    }
    workgroupBarrier();
    slab ^= 1u;
  }

  //#for i in 0..TM
  //#for q in 0..4
  {
    let quad = first_row + row + ${i}u * DOWN;
    let to = ((slice * params.row_quads + quad) * 4u + ${q}u) * params.k4;
    //#for j in 0..TN
    let to_k${j} = first_k + column + ${j}u * ACROSS;
    if ((quad < params.row_quads) & (to_k${j} < params.k4)) { part[to + to_k${j}] = sum${i * 4 + q}_${j}; }
    //#end
  }
  //#end
  //#end
}

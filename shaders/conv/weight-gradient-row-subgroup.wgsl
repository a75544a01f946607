// conv/weight-gradient-row-subgroup — part[slice, ky, kx, c, k] = Σ_{pixels m of the slice} x[pixel(m, ky, kx), c] · dy[m, k], filters 3×3
//
// in    x [n, h, W, C] f32              the layer's input
//       dy [n, h, W, K] f32             gradient of its output: stride 1, one pixel of padding all round
// out   part [slices, 9, C, K] f32      conv/sum-slices adds the slices; with one slice this is dw itself
// grid  one workgroup = one subgroup of SG lanes per slice, TAPS_Y filter rows, 4·QUADS channels c and 4·SG channels k
// err   none here: the binding checks sizes; SG must be the adapter's one subgroup size
// src   dw = xᵀ·dy with x never unrolled; broadcast form: performance.md §3
// twin  services/engine/reference/conv/convolution-grad-weight.ts
//
// As conv/weight-gradient-subgroup, but the three taps of a filter row share what they load of x: pixels are numbered as in
// conv/filter-row-subgroup, with one position of zeros between two rows, and a turn of the loop multiplies SPAN positions
// of dy with SPAN + 2 of x. Where C ≤ 4 a tile takes all filter rows (TAPS_Y), and only the CHANNELS that are no padding.

enable subgroups;

struct Params {
  rows: u32,                                // n · h
  width: u32,                               // W
  h: u32,
  c4: u32,
  k4: u32,
  positions_per_slice: u32,                 // a multiple of SPAN
  slices: u32,
  row_step: u32,                            // SPAN = row_step · (W + 1) + column_step
  column_step: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
//#if X_TEXTURE
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
fn x_at(i: u32) -> vec4f { return texel(x, i); }
//#else
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
fn x_at(i: u32) -> vec4f { return x[i]; }
//#end
//#if DY_TEXTURE
@group(0) @binding(2) var dy: texture_storage_2d<rgba32float, read>;
fn dy_at(i: u32) -> vec4f { return texel(dy, i); }
//#else
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
fn dy_at(i: u32) -> vec4f { return dy[i]; }
//#end
@group(0) @binding(3) var<storage, read_write> part: array<vec4f>;

@compute @workgroup_size(${SG})
fn main(@builtin(workgroup_id) group_id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let pitch = params.width + 1u;
  let tiles_k = (params.k4 + ${SG - 1}u) / ${SG}u;
  let tiles_c = (params.c4 + ${QUADS - 1}u) / ${QUADS}u;
  let flat = flat_workgroup(group_id, groups);
  let slice = flat / (tiles_k * tiles_c * ${3 / TAPS_Y}u);
  if (slice >= params.slices) { return; }                           // uniform: the whole subgroup leaves
  let place = banded(flat % (tiles_k * tiles_c * ${3 / TAPS_Y}u), tiles_k, tiles_c * ${3 / TAPS_Y}u);
  let k = place.x * ${SG}u + lane;
  let k_read = min(k, params.k4 - 1u);                              // lanes past the last channel compute, but do not store
  let quad = place.y / ${3 / TAPS_Y}u * ${QUADS}u;
  let ky = place.y % ${3 / TAPS_Y}u * ${TAPS_Y}u;

  // Load i of x brings quad (SG·i + l) mod QUADS of position (SG·i + l) div QUADS − 1, relative to the turn's first, by lane l.
  let first = slice * params.positions_per_slice;
  let end = min(first + params.positions_per_slice, params.rows * pitch);
  //#for i in 0..(SPAN + 2) * QUADS / SG
  let from${i} = first + (${i * SG}u + lane) / ${QUADS}u + pitch - 1u;  // one row down, so that it is not negative
  let c${i} = quad + (${i * SG}u + lane) % ${QUADS}u;
  var row${i} = from${i} / pitch;
  var column${i} = from${i} - row${i} * pitch;
  row${i} -= 1u;                                                    // before the first row: wraps round to something huge
  var y${i} = (row${i} + params.h) % params.h;
  //#end
  var row = first / pitch;
  var column = first - row * pitch;
  //#for y in 0..TAPS_Y
  //#for t in 0..3
  //#for j in 0..CHANNELS
  var sum${y}_${t}_${j} = vec4f(0.0);
  //#end
  //#end
  //#end

  for (var q = first; q < end; q += ${SPAN}u) {
    //#for p in 0..SPAN
    let wrapped${p} = column + ${p}u >= pitch;
    let column_p${p} = select(column + ${p}u, column + ${p}u - pitch, wrapped${p});
    let row_p${p} = select(row, row + 1u, wrapped${p});
    let real${p} = (q + ${p}u < end) & (column_p${p} < params.width); // & not &&: no branches
    let d${p} = select(vec4f(0.0), dy_at(select(0u, (row_p${p} * params.width + column_p${p}) * params.k4 + k_read, real${p})), real${p});
    //#end
    //#for y in 0..TAPS_Y
    //#for i in 0..(SPAN + 2) * QUADS / SG
    let inside${y}_${i} = (column${i} < params.width) & (row${i} < params.rows) & (y${i} + ky + ${y}u - 1u < params.h) & (c${i} < params.c4);
    let at${y}_${i} = ((row${i} + ky + ${y}u - 1u) * params.width + column${i}) * params.c4 + c${i};
    let a${y}_${i} = select(vec4f(0.0), x_at(select(0u, at${y}_${i}, inside${y}_${i})), inside${y}_${i});
    //#end
    //#for t in 0..3
    //#for j in 0..CHANNELS
    //#for p in 0..SPAN
    sum${y}_${t}_${j} = fma(vec4f(subgroupBroadcast(a${y}_${Math.floor(((p + t) * QUADS + Math.floor(j / 4)) / SG)}.${"xyzw"[j % 4]}, ${((p + t) * QUADS + Math.floor(j / 4)) % SG}u)), d${p}, sum${y}_${t}_${j});
    //#end
    //#end
    //#end
    //#end
    //#for i in 0..(SPAN + 2) * QUADS / SG
    column${i} += params.column_step;
    let next${i} = column${i} >= pitch;
    column${i} = select(column${i}, column${i} - pitch, next${i});
    let down${i} = params.row_step + select(0u, 1u, next${i});
    row${i} += down${i};
    y${i} += down${i};
    y${i} = select(y${i}, y${i} - params.h, y${i} >= params.h);
    //#end
    column += params.column_step;
    let next = column >= pitch;
    column = select(column, column - pitch, next);
    row += params.row_step + select(0u, 1u, next);
  }

  // Stored in a loop for the size of the code; a register has no index, so selects pick the row.
  for (var r = 0u; r < ${TAPS_Y * 3 * 4 * QUADS}u; r++) {
    let tap = r / ${4 * QUADS}u;
    let j = r % ${4 * QUADS}u;
    var sum = vec4f(0.0);                                           // of the channels that are padding
    //#for y in 0..TAPS_Y
    //#for t in 0..3
    //#for s in 0..CHANNELS
    sum = select(sum, sum${y}_${t}_${s}, r == ${((y * 3 + t) * QUADS * 4) + s}u);
    //#end
    //#end
    //#end
    let c = quad * 4u + j;
    if ((c < params.c4 * 4u) & (k < params.k4)) { part[((slice * 9u + ky * 3u + tap) * params.c4 * 4u + c) * params.k4 + k] = sum; }
  }
}

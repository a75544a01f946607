// conv/weight-gradient-subgroup — part[slice, tap, c, k] = Σ_{pixels m of the slice} x[pixel(m, tap), c] · dy[m, k]
//
// in    x [n, h, w, C] f32              the layer's input
//       dy [n, oh, ow, K] f32           gradient of its output
// out   part [slices, kh·kw, C, K] f32  conv/sum-slices adds the slices; with one slice this is dw itself
// grid  one workgroup = one subgroup of SG lanes per slice and tile of GROUPS·ROWS rows (tap, c) × 4·COLUMNS channels k
// err   none here: the binding checks sizes; SG must be the adapter's one subgroup size
// src   dw = xᵀ·dy with x never unrolled; broadcast form: performance.md §3
// twin  services/engine/reference/conv/convolution-grad-weight.ts
//
// Rows are the flat list of (tap, c), in vec4 of channels: a lane's load picks its own tap, so few channels fill a tile with
// many taps, and any filter, stride, padding and dilation is one pipeline. As in implicit-gemm-subgroup the lanes form GROUPS
// groups of COLUMNS, each with its own ROWS rows, and SHARE of them share the loads of dy. A slice is rows_per_slice rows of output pixels, or, where one row is
// longer than a slice (a linear layer), cols_per_slice pixels of one row.

enable subgroups;

struct Params {
  image_rows: u32,                          // n · oh
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
  rows_per_slice: u32,
  cols_per_slice: u32,
  col_slices: u32,                          // slices per row of pixels; 1 unless rows_per_slice is 1
  slices: u32,
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
  let tiles_k = (params.k4 + ${COLUMNS - 1}u) / ${COLUMNS}u;
  let tiles_row = (params.row_quads + ${GROUPS * ROWS / 4 - 1}u) / ${GROUPS * ROWS / 4}u;
  let flat = flat_workgroup(group_id, groups);
  let slice = flat / (tiles_k * tiles_row);
  if (slice >= params.slices) { return; }                           // uniform: the whole subgroup leaves
  let place = banded(flat % (tiles_k * tiles_row), tiles_k, tiles_row);
  let group = lane / ${COLUMNS}u;
  let column = lane % ${COLUMNS}u;
  let first_of_tile = place.y * ${GROUPS * ROWS / 4}u;
  let first_quad = first_of_tile + group * ${ROWS / 4}u;
  let k = place.x * ${COLUMNS}u + column;
  let k_read = min(k, params.k4 - 1u);                              // lanes past the last channel compute, but do not store

  // Quad j of a group's rows is loaded by its lane j % COLUMNS in load j / COLUMNS.
  //#for i in 0..ROWS / 4 / COLUMNS
  let quad${i} = first_quad + ${i * COLUMNS}u + column;
  let tap${i} = quad${i} / params.c4;
  let c${i} = quad${i} - tap${i} * params.c4;
  let ky${i} = i32(tap${i} / params.kw) * params.dilation_y - params.top;
  let kx${i} = i32(tap${i} % params.kw) * params.dilation_x - params.left;
  //#end
  //#for r in 0..ROWS
  var sum${r} = vec4f(0.0);
  //#end

  let first_row = slice / params.col_slices * params.rows_per_slice;
  let first_col = slice % params.col_slices * params.cols_per_slice;
  let end_col = min(first_col + params.cols_per_slice, params.ow);
  let end_row = min(first_row + params.rows_per_slice, params.image_rows);
  // One loop over rows and columns: a value carried round a loop is blended with the execution mask at every level.
  let turns = (end_row - first_row) * ((end_col - first_col + ${PIXELS - 1}u) / ${PIXELS}u);
  var row = first_row;
  var image = first_row / params.oh;
  var oy = first_row - image * params.oh;
  var ox = first_col;
  for (var turn = 0u; turn < turns; turn++) {
    //#for i in 0..ROWS / 4 / COLUMNS
    let iy${i} = u32(i32(oy * params.stride_y) + ky${i});             // above the image: wraps round to something huge
    let row_inside${i} = (quad${i} < params.row_quads) & (iy${i} < params.h); // & not &&: no branches
    let line${i} = (image * params.h + iy${i}) * params.w;
    //#end
    //#for p in 0..PIXELS
    //#for i in 0..ROWS / 4 / COLUMNS
    let ix${p}_${i} = u32(i32((ox + ${p}u) * params.stride_x) + kx${i});
    let inside${p}_${i} = row_inside${i} & (ox + ${p}u < end_col) & (ix${p}_${i} < params.w);
    let a${p}_${i} = select(vec4f(0.0), x_at(select(0u, (line${i} + ix${p}_${i}) * params.c4 + c${i}, inside${p}_${i})), inside${p}_${i});
    //#end
    //#end
    //#for l in 0..PIXELS / SHARE
    let b${l} = dy_at((row * params.ow + min(ox + ${l * SHARE}u + group % ${SHARE}u, end_col - 1u)) * params.k4 + k_read);
    //#end
    //#for p in 0..PIXELS
    //#if COLUMNS === SG
    let d${p} = b${p};
    //#else
    let d${p} = subgroupShuffle(b${Math.floor(p / SHARE)}, ${p % SHARE * COLUMNS}u + column);
    //#end
    //#end
    //#for j in 0..ROWS / 4
    //#for p in 0..PIXELS
    //#if COLUMNS === SG
    let s${j}_${p} = subgroupBroadcast(a${p}_${Math.floor(j / COLUMNS)}, ${j % COLUMNS}u);
    //#else
    //#if COLUMNS === 1
    let s${j}_${p} = a${p}_${j};
    //#else
    let s${j}_${p} = subgroupShuffle(a${p}_${Math.floor(j / COLUMNS)}, group * ${COLUMNS}u + ${j % COLUMNS}u);
    //#end
    //#end
    //#end
    //#for q in 0..4
    //#for p in 0..PIXELS
    sum${j * 4 + q} = fma(vec4f(s${j}_${p}.${"xyzw"[q]}), d${p}, sum${j * 4 + q});
    //#end
    //#end
    //#end
    ox += ${PIXELS}u;
    let next_row = ox >= end_col;
    ox = select(ox, first_col, next_row);
    row = select(row, row + 1u, next_row);
    oy = select(oy, oy + 1u, next_row);
    let next_image = oy == params.oh;
    oy = select(oy, 0u, next_image);
    image = select(image, image + 1u, next_image);
  }

  // Stored in a loop for the size of the code; a register has no index, so selects pick the row.
  let rows = params.row_quads * 4u;
  for (var r = 0u; r < min(${ROWS}u, rows - first_of_tile * 4u); r++) {
    var sum = sum0;
    //#for s in 1..ROWS
    sum = select(sum, sum${s}, r == ${s}u);
    //#end
    let row = first_quad * 4u + r;
    if ((row < rows) & (k < params.k4)) { part[(slice * rows + row) * params.k4 + k] = sum; }
  }
}

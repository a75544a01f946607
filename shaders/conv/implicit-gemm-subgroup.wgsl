// conv/implicit-gemm-subgroup — y[m, k] = finish( bias[k] + Σ_tap Σ_c x[pixel(m, tap), c] · w[tap, c, k] )
//
// in    x [n, in_h, in_w, C] f32        forward: the activation; backward-data: dy
//       w [kh·kw, C, K] f32             the weight; TRANSPOSED, for backward-data, it is read as [kh·kw, K, C]
//       bias [K], residual, mask as y   read only where params.flags says so (lib/conv-epilogue)
// out   y [n, out_h, out_w, K] f32      rows m are the pixels (out_y + gy·out_step_y, out_x + gx·out_step_x) of it
// grid  one workgroup = one subgroup of SG lanes per tile of GROUPS·ROWS rows × 4·COLUMNS output channels
// err   none here: the binding checks sizes; SG must be the adapter's one subgroup size
// src   Chellapilla et al. 2006 (convolution as matrix product), with the input never unrolled; broadcast form: performance.md §3
// twin  services/engine/reference/conv/convolution.ts
//
// The SG lanes form GROUPS groups of COLUMNS. Lane (group, column) owns ROWS rows × one vec4 of output channels. Operands
// are loaded once, each lane another piece (SHARE groups share the four rows of w), and handed round by broadcasts: a load
// costs as much as 40 multiply-adds there.
// One pipeline serves every shape: forward (tap_step > 0: the dilation), backward-data (tap_step < 0), strided backward-data (one dispatch
// per residue class of output pixels, each with the taps that reach it), linear layers. The order of each sum is fixed by
// (tap, c) alone, so a row's bits do not depend on the batch it lies in. Where CHANNELS ≤ 4 a pixel of x is one vec4 with
// that many real lanes: the others are not multiplied, and there is no loop over c.

enable subgroups;

struct Params {
  rows: u32,                                // n · grid_h · grid_w
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
}

@group(0) @binding(0) var<uniform> params: Params;
//#if X_TEXTURE
@group(0) @binding(1) var x: texture_storage_2d<rgba32float, read>;
fn x_at(i: u32) -> vec4f { return texel(x, i); }
//#else
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
fn x_at(i: u32) -> vec4f { return x[i]; }
//#end
//#if W_TEXTURE
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read>;
fn w_at(i: u32) -> vec4f { return texel(w, i); }
//#else
@group(0) @binding(2) var<storage, read> w: array<vec4f>;
fn w_at(i: u32) -> vec4f { return w[i]; }
//#end
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read> mask: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(${SG})
fn main(@builtin(workgroup_id) group_id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tiles_k = (params.k4 + ${COLUMNS - 1}u) / ${COLUMNS}u;
  let tiles_m = (params.rows + ${GROUPS * ROWS - 1}u) / ${GROUPS * ROWS}u;
  let tile = flat_workgroup(group_id, groups);
  if (tile >= tiles_m * tiles_k) { return; }                        // uniform: the whole subgroup leaves
  let group = lane / ${COLUMNS}u;
  let column = lane % ${COLUMNS}u;
  let place = banded(tile, tiles_m, tiles_k);
  let first_of_tile = place.x * ${GROUPS * ROWS}u;
  let first = first_of_tile + group * ${ROWS}u;
  let k = place.y * ${COLUMNS}u + column;
  let k_read = min(k, params.k4 - 1u);                              // lanes past the last channel compute, but do not store

  // Row r of a group is loaded by its lane r % COLUMNS in load r / COLUMNS; that lane also knows where the row lies.
  //#for i in 0..ROWS / COLUMNS
  let m${i} = first + ${i * COLUMNS}u + column;
  let q${i} = m${i} / params.grid_w;
  let gx${i} = m${i} - q${i} * params.grid_w;
  let image${i} = q${i} / params.grid_h;
  let gy${i} = q${i} - image${i} * params.grid_h;
  let iy${i} = i32(gy${i}) * params.in_step_y + params.y0;
  let ix${i} = i32(gx${i}) * params.in_step_x + params.x0;
  let to${i} = ((image${i} * params.out_h + gy${i} * params.out_step_y + params.out_y) * params.out_w + gx${i} * params.out_step_x + params.out_x) * params.k4;
  //#end

  let start = initial(k_read);
  //#for r in 0..ROWS
  var sum${r} = start;
  //#end

  // One loop over the taps, not one per axis: a value carried round a loop is blended with the execution mask at every level.
  let taps = params.taps_y * params.taps_x;
  var ty = 0u;
  var tx = 0u;
  for (var t = 0u; t < taps; t++) {
    //#for i in 0..ROWS / COLUMNS
    let py${i} = u32(iy${i} + i32(ty) * params.tap_step_y);           // above or left of the image: wraps round to something huge
    let px${i} = u32(ix${i} + i32(tx) * params.tap_step_x);
    let inside${i} = (m${i} < params.rows) & (py${i} < params.in_h) & (px${i} < params.in_w); // & not &&: no branches
    let from${i} = select(0u, ((image${i} * params.in_h + py${i}) * params.in_w + px${i}) * params.c4, inside${i});
    //#end
    let tap = (params.ky0 + ty * params.k_step_y) * params.kw + params.kx0 + tx * params.k_step_x;
    //#if TRANSPOSED
    var from_w = ((tap * params.k4 + k_read) * 4u + group % ${SHARE}u) * params.c4;
    //#else
    var from_w = (tap * params.c4 * 4u + group % ${SHARE}u) * params.k4 + k_read;
    //#end
    //#if CHANNELS > 4
    for (var c = 0u; c < params.c4; c++) {
    //#else
    let c = 0u;
    //#end
      // select, not multiplication by 0: what lies at from = 0 may be infinite and belongs to another image.
      //#for i in 0..ROWS / COLUMNS
      let a${i} = select(vec4f(0.0), x_at(from${i} + c), inside${i});
      //#end
      //#for i in 0..Math.ceil(PIECES / SHARE)
      //#if TRANSPOSED
      let b${i} = w_at(from_w + ${i * SHARE}u * params.c4 + c);
      //#else
      let b${i} = w_at(from_w);
      from_w += ${SHARE}u * params.k4;
      //#end
      //#end
      //#for q in 0..PIECES
      //#if COLUMNS === SG
      let v${q} = b${q};
      //#else
      //#if COLUMNS === 1
      let v${q} = subgroupBroadcast(b${Math.floor(q / SHARE)}, ${q % SHARE}u);
      //#else
      let v${q} = subgroupShuffle(b${Math.floor(q / SHARE)}, ${q % SHARE * COLUMNS}u + column);
      //#end
      //#end
      //#end
      //#for q in 0..Math.min(CHANNELS, 4)
      //#if TRANSPOSED
      let w${q} = vec4f(v0.${"xyzw"[q]}, v1.${"xyzw"[q]}, v2.${"xyzw"[q]}, v3.${"xyzw"[q]});
      //#else
      let w${q} = v${q};
      //#end
      //#end
      //#for r in 0..ROWS
      //#if COLUMNS === SG
      let s${r} = subgroupBroadcast(a${Math.floor(r / COLUMNS)}, ${r % COLUMNS}u);
      //#else
      //#if COLUMNS === 1
      let s${r} = a${r};
      //#else
      let s${r} = subgroupShuffle(a${Math.floor(r / COLUMNS)}, group * ${COLUMNS}u + ${r % COLUMNS}u);
      //#end
      //#end
      //#for q in 0..Math.min(CHANNELS, 4)
      sum${r} = fma(vec4f(s${r}.${"xyzw"[q]}), w${q}, sum${r});
      //#end
      //#end
    //#if CHANNELS > 4
    }
    //#end
    tx += 1u;
    let wrap = tx == params.taps_x;
    tx = select(tx, 0u, wrap);
    ty = select(ty, ty + 1u, wrap);
  }

  // Stored in a loop: unrolled, the epilogue would be most of the code. A register has no index, so selects pick the row.
  for (var r = 0u; r < min(${ROWS}u, params.rows - first_of_tile); r++) {
    var sum = sum0;
    //#for s in 1..ROWS
    sum = select(sum, sum${s}, r == ${s}u);
    //#end
    var to = to0;
    //#for i in 1..ROWS / COLUMNS
    to = select(to, to${i}, r >= ${i * COLUMNS}u);
    //#end
    let at = subgroupShuffle(to, group * ${COLUMNS}u + r % ${COLUMNS}u) + k;
    if ((first + r < params.rows) & (k < params.k4)) { y[at] = finish(sum, at); }
  }
}

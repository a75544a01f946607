// conv/filter-row-subgroup — y[m, k] = finish( bias[k] + Σ_ky Σ_c Σ_kx x[pixel(m, ky, kx), c] · w[ky, kx, c, k] ), filters 3×3
//
// in    x [n, h, W, C] f32              forward: the activation; backward-data: dy
//       w [9, C, K] f32                 the weight; TRANSPOSED, for backward-data, it is read as [9, K, C]
//       bias [K], residual, mask as y   read only where params.flags says so (lib/conv-epilogue)
// out   y [n, h, W, K] f32              stride 1, one pixel of padding all round: as large as x
// grid  one workgroup = one subgroup of SG lanes per tile of 8·LOADS − 2 positions × 4·SG output channels
// err   none here: the binding checks sizes; SG must be the adapter's one subgroup size
// src   Chellapilla et al. 2006 (convolution as matrix product), with the input never unrolled; broadcast form: performance.md §3
// twin  services/engine/reference/conv/convolution.ts
//
// As conv/implicit-gemm-subgroup, but the three taps of a filter row share what they load and broadcast, and a turn of the
// loop is three times as long for the accumulators it carries. For that the pixels are numbered with one position between
// two rows that holds zeros: position q is column q mod (W + 1) of row q div (W + 1), and tap kx of position q reads
// position q + kx − 1, whatever the row. The position between rows is computed and not stored: 1 in W + 1.
// A transposed weight costs nothing: a vec4 is four registers, and which of them is multiplied is settled when it compiles.
// The order of each sum is fixed by (ky, c, kx) alone, so a pixel's bits do not depend on the batch it lies in.

enable subgroups;

struct Params {
  rows: u32,                                // n · h
  width: u32,                               // W
  h: u32,
  c4: u32,
  k4: u32,
  first_tap: i32,                           // element of w that tap (0, 0) multiplies, and from one tap to the next
  tap_step: i32,
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
  let pitch = params.width + 1u;
  let tiles_k = (params.k4 + ${SG - 1}u) / ${SG}u;
  let tiles_q = (params.rows * pitch + ${POSITIONS - 1}u) / ${POSITIONS}u;
  let tile = flat_workgroup(group_id, groups);
  if (tile >= tiles_q * tiles_k) { return; }                        // uniform: the whole subgroup leaves
  let place = banded(tile, tiles_q, tiles_k);
  let first = place.x * ${POSITIONS}u;
  let k = place.y * ${SG}u + lane;
  let k_read = min(k, params.k4 - 1u);                              // lanes past the last channel compute, but do not store

  // Lane l of load i brings position first − 1 + SG·i + l; before the first row it wraps round to something huge.
  //#for i in 0..LOADS
  let q${i} = first + ${i * SG}u + lane - 1u;
  let row${i} = q${i} / pitch;
  let column${i} = q${i} - row${i} * pitch;
  let y${i} = row${i} % params.h;
  let real${i} = (column${i} < params.width) & (row${i} < params.rows); // & not &&: no branches
  //#end

  let start = initial(k_read);
  //#for p in 0..POSITIONS
  var sum${p} = start;
  //#end

  // One loop over filter rows and channels: a value carried round a loop is blended with the execution mask at every level.
  var ky = 0u;
  var c = 0u;
  for (var turn = 0u; turn < 3u * params.c4; turn++) {
    //#for i in 0..LOADS
    let inside${i} = real${i} & (y${i} + ky - 1u < params.h);       // above the image: wraps round to something huge
    // select, not multiplication by 0: what lies at 0 may be infinite and belongs to another image.
    let a${i} = select(vec4f(0.0), x_at(select(0u, ((row${i} + ky - 1u) * params.width + column${i}) * params.c4 + c, inside${i})), inside${i});
    //#end
    //#for t in 0..3
    let tap${t} = u32(params.first_tap + params.tap_step * i32(ky * 3u + ${t}u));
    //#if TRANSPOSED
    let from${t} = (tap${t} * params.k4 + k_read) * 4u * params.c4 + c;
    //#for i in 0..4
    let b${t}_${i} = w_at(from${t} + ${i}u * params.c4);
    //#end
    //#for j in 0..Math.min(CHANNELS, 4)
    let w${t}_${j} = vec4f(b${t}_0.${"xyzw"[j]}, b${t}_1.${"xyzw"[j]}, b${t}_2.${"xyzw"[j]}, b${t}_3.${"xyzw"[j]});
    //#end
    //#else
    let from${t} = (tap${t} * params.c4 + c) * 4u * params.k4 + k_read;
    //#for j in 0..Math.min(CHANNELS, 4)
    let w${t}_${j} = w_at(from${t} + ${j}u * params.k4);
    //#end
    //#end
    //#for p in 0..POSITIONS
    //#for j in 0..Math.min(CHANNELS, 4)
    sum${p} = fma(vec4f(subgroupBroadcast(a${Math.floor((p + t) / SG)}.${"xyzw"[j]}, ${(p + t) % SG}u)), w${t}_${j}, sum${p});
    //#end
    //#end
    //#end
    c += 1u;
    let wrap = c == params.c4;
    c = select(c, 0u, wrap);
    ky = select(ky, ky + 1u, wrap);
  }

  // Stored in a loop: unrolled, the epilogue would be most of the code. A register has no index, so selects pick the position.
  var row = first / pitch;
  var column = first - row * pitch;
  for (var p = 0u; p < ${POSITIONS}u; p++) {
    var sum = sum0;
    //#for s in 1..POSITIONS
    sum = select(sum, sum${s}, p == ${s}u);
    //#end
    let at = (row * params.width + column) * params.k4 + k;
    if ((column < params.width) & (row < params.rows) & (k < params.k4)) { y[at] = finish(sum, at); }
    let wrap = column == params.width;
    column = select(column + 1u, 0u, wrap);
    row = select(row, row + 1u, wrap);
  }
}

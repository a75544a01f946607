// matmul/mat-mul-subgroup — y[s, i, j] = Σ_l a[i, l] · b[l, j] for each matrix of the batch, over slice s of the inner axis
//
// in    a, b f32, dense                  matrices [m, k] and [k, n]; element (i, l) of a lies at i·a_row + l·a_column of its matrix
// out   y [slices, size0 … size3, m, n] f32, dense
// grid  one workgroup = one subgroup of SG lanes per tile of ROWS rows × SG·COLUMNS columns of one matrix
// err   none here: the binding checks sizes; SG must be the adapter's one subgroup size
// src   NumPy matmul; broadcast form as in conv/implicit-gemm-subgroup
// twin  services/engine/reference/matmul/mat-mul.ts
//
// Each lane owns COLUMNS neighbouring columns and sums ROWS rows of them. A turn of the loop takes four steps of the inner
// axis: the lanes load the rows' numbers once, each lane other rows, and hand them round by broadcast. Every sum runs over
// l in order, one multiply-add each, so that neither the tile nor the batch is part of a result's bits.

enable subgroups;

struct Params {
  m: u32,
  k: u32,
  n: u32,
  a_row: u32,                               // elements from one row of a to the next
  a_column: u32,
  b_row: u32,
  b_column: u32,
  slices: u32,                              // of the inner axis, slice_k each; the last may have fewer
  slice_k: u32,
  size0: u32,                               // the batch: up to four axes, the last runs fastest
  size1: u32,
  size2: u32,
  size3: u32,
  a_step0: u32,                             // elements of a from one matrix to the next along axis 0; 0 where a is broadcast
  a_step1: u32,
  a_step2: u32,
  a_step3: u32,
  b_step0: u32,
  b_step1: u32,
  b_step2: u32,
  b_step3: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(${SG})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let flat = flat_workgroup(group, groups);
  let place = place_of(flat, ${ROWS}u, ${SG * COLUMNS}u);
  if (place.matrix >= matrices()) { return; }                       // uniform: the whole subgroup leaves
  let start = origin(place.matrix);
  let column = place.column + lane * ${COLUMNS}u;

  // Rows and columns past the end are read as the last ones; their sums are not stored.
  //#for i in 0..Math.ceil(ROWS / SG)
  var at_a${i} = start.a + min(place.row + ${i * SG}u + lane, params.m - 1u) * params.a_row;
  //#end
  //#for c in 0..COLUMNS
  var at_b${c} = start.b + min(column + ${c}u, params.n - 1u) * params.b_column;
  //#end
  //#for r in 0..ROWS
  var sum${r} = ${COLUMNS === 4 ? "vec4f" : "f32"}(0.0);
  //#end

  for (var l = start.first; l < start.end; l += 4u) {
    // Past the end of the slice both operands are 0, so that neither meets an infinity of the other.
    //#for q in 0..4
    let inside${q} = l + ${q}u < start.end;
    let step_a${q} = select(0u, ${q}u * params.a_column, inside${q});
    let step_b${q} = select(0u, ${q}u * params.b_row, inside${q});
    //#end
    //#for i in 0..Math.ceil(ROWS / SG)
    //#for q in 0..4
    let a${i}_${q} = select(0.0, a[at_a${i} + step_a${q}], inside${q});
    //#end
    at_a${i} += 4u * params.a_column;
    //#end
    //#for q in 0..4
    //#for c in 0..COLUMNS
    let b${q}_${c} = select(0.0, b[at_b${c} + step_b${q}], inside${q});
    //#end
    //#if COLUMNS === 4
    let w${q} = vec4f(b${q}_0, b${q}_1, b${q}_2, b${q}_3);
    //#else
    let w${q} = b${q}_0;
    //#end
    //#end
    //#for c in 0..COLUMNS
    at_b${c} += 4u * params.b_row;
    //#end
    //#for r in 0..ROWS
    //#for q in 0..4
    sum${r} = fma(${COLUMNS === 4 ? "vec4f" : "f32"}(subgroupBroadcast(a${Math.floor(r / SG)}_${q}, ${r % SG}u)), w${q}, sum${r});
    //#end
    //#end
  }

  // Stored in a loop: unrolled, the stores would be most of the code. A register has no index, so selects pick the row.
  for (var r = 0u; r < min(${ROWS}u, params.m - place.row); r++) {
    var sum = sum0;
    //#for s in 1..ROWS
    sum = select(sum, sum${s}, r == ${s}u);
    //#end
    let to = (place.matrix * params.m + place.row + r) * params.n + column;
    //#for c in 0..COLUMNS
    //#if COLUMNS === 4
    if (column + ${c}u < params.n) { y[to + ${c}u] = sum.${"xyzw"[c]}; }
    //#else
    if (column < params.n) { y[to] = sum; }
    //#end
    //#end
  }
}

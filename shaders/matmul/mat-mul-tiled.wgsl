// matmul/mat-mul-tiled — y[s, i, j] = Σ_l a[i, l] · b[l, j] for each matrix of the batch, over slice s of the inner axis
//
// in    a, b f32, dense                  matrices [m, k] and [k, n]; element (i, l) of a lies at i·a_row + l·a_column of its matrix
// out   y [slices, size0 … size3, m, n] f32, dense
// grid  128 invocations per tile of 64 × 64 numbers of one matrix
// err   none here: the binding checks sizes
// src   NumPy matmul; tiles in workgroup memory that feed registers (Volkov & Demmel 2008)
// twin  services/engine/reference/matmul/mat-mul.ts
//
// An invocation sums 8 rows × 4 columns. Every sum runs over l in order, one multiply-add each, as in
// matmul/mat-mul-subgroup: neither the tile nor the batch is part of a result's bits.

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

const THREADS = 128u;
const SIDE = 64u;                           // rows and columns of a tile
const QUADS = SIDE / 4u;
const DEPTH = 16u;                          // of the inner axis, per slab
const PITCH = QUADS + 1u;                   // one vec4 between the rows of a slab, so that neighbours write different banks
var<workgroup> slab_a: array<vec4f, DEPTH * PITCH>;                 // [l][four rows]
var<workgroup> slab_b: array<vec4f, DEPTH * PITCH>;                 // [l][four columns]

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let place = place_of(flat_workgroup(group, groups), SIDE, SIDE);
  if (place.matrix >= matrices()) { return; }                       // uniform: barriers below are legal
  let start = origin(place.matrix);
  // Neighbouring invocations load neighbouring numbers, whichever axis of a matrix is the contiguous one.
  let along_l = vec2<bool>(params.a_column == 1u, params.b_row == 1u);

  let column = local % QUADS;
  let row = local / QUADS * 2u;             // two vec4 of rows, one of columns
  //#for i in 0..8
  var sum${i} = vec4f(0.0);
  //#end
  for (var first = start.first; first < start.end; first += DEPTH) {
    for (var item = local; item < DEPTH * QUADS; item += THREADS) {
      let l = select(vec2u(item / QUADS), vec2u(item % DEPTH), along_l);
      let quad = select(vec2u(item % QUADS), vec2u(item / DEPTH), along_l);
      slab_a[l.x * PITCH + quad.x] = rows_of_a(start, place.row + quad.x * 4u, first + l.x);
      slab_b[l.y * PITCH + quad.y] = columns_of_b(start, place.column + quad.y * 4u, first + l.y);
    }
    workgroupBarrier();
    for (var l = 0u; l < DEPTH; l++) {
      let w = slab_b[l * PITCH + column];
      //#for h in 0..2
      let v${h} = slab_a[l * PITCH + row + ${h}u];
      //#for q in 0..4
      sum${h * 4 + q} = fma(vec4f(v${h}.${"xyzw"[q]}), w, sum${h * 4 + q});
      //#end
      //#end
    }
    workgroupBarrier();                     // the next slab overwrites this one
  }

  let to = place.matrix * params.m * params.n;
  //#for i in 0..8
  store(to, place.row + row * 4u + ${i}u, place.column + column * 4u, sum${i});
  //#end
}

// Four rows of a at step l: 0 past the end of the slice, where b is 0 too, so that neither meets an infinity of the other.
// Rows past the last one are read as the last one; their sums are not stored.
fn rows_of_a(start: Origin, row: u32, l: u32) -> vec4f {
  if (l >= start.end) { return vec4f(0.0); }
  let at = start.a + (l - start.first) * params.a_column;
  let i = min(vec4u(row) + vec4u(0u, 1u, 2u, 3u), vec4u(params.m - 1u)) * params.a_row;
  return vec4f(a[at + i.x], a[at + i.y], a[at + i.z], a[at + i.w]);
}

fn columns_of_b(start: Origin, column: u32, l: u32) -> vec4f {
  if (l >= start.end) { return vec4f(0.0); }
  let at = start.b + (l - start.first) * params.b_row;
  let j = min(vec4u(column) + vec4u(0u, 1u, 2u, 3u), vec4u(params.n - 1u)) * params.b_column;
  return vec4f(b[at + j.x], b[at + j.y], b[at + j.z], b[at + j.w]);
}

fn store(matrix: u32, i: u32, j: u32, sum: vec4f) {
  if (i >= params.m) { return; }
  let to = matrix + i * params.n + j;
  if (j < params.n) { y[to] = sum.x; }
  if (j + 1u < params.n) { y[to + 1u] = sum.y; }
  if (j + 2u < params.n) { y[to + 2u] = sum.z; }
  if (j + 3u < params.n) { y[to + 3u] = sum.w; }
}

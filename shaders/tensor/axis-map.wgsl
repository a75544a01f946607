// tensor/axis-map — y[o,j,i] = Σ weights[t] · x[o,indices[t],i] over t in offsets[j] … offsets[j+1] - 1
//
// in    x [outer, size, inner] f32
//       offsets [rows + 1] u32            rising
//       indices [entries] u32             below size
//       weights [entries] f32
// out   y [outer, rows, inner] f32        0 in rows without entries
// grid  WG invocations · PER items each per workgroup, strided; an item is a vec4 of inner where 4 divides it, else one float
// err   none here: the binding checks sizes, the graph the entries; an index beyond the axis reads its last element
// src   a sparse matrix in compressed rows, applied along one axis: gathering, padding, interpolation and their gradients
// twin  services/engine/reference/tensor/axis-map.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 16;                     // items per invocation

alias Item = ${V == 4 ? "vec4f" : "f32"};

struct Params {
  items: u32,                               // outer · rows · inner, in items
  size: u32,
  rows: u32,
  inner: u32,                               // in items
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Item>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read> indices: array<u32>;
@group(0) @binding(4) var<storage, read> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<Item>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var k = 0u; k < PER; k++) {
    let item = base + k * WG;
    if (item >= params.items) { break; }
    let row = item / params.inner;
    let outer = row / params.rows;
    let j = row - outer * params.rows;
    let i = item - row * params.inner;
    var sum = Item();
    for (var t = offsets[j]; t < offsets[j + 1u]; t++) {
      sum += weights[t] * x[(outer * params.size + min(indices[t], params.size - 1u)) * params.inner + i];
    }
    y[item] = sum;
  }
}

// tensor/reduce — y[k,j] = scale · Σ x, or max x, over the elements number j·chunk … of those that are reduced to k
//
// in    x f32                            read where the strides a0…a5 lead: first the axes that stay, then the reduced ones
// out   y [outputs, chunks] f32          partial results, in order
// grid  one invocation per partial result, which goes through its elements one by one
// err   none here: the binding checks that the walk stays inside x
// src   sums and maxima over axes in a fixed order; chunks bound the rounding of long sums and are independent work
// twin  services/engine/reference/tensor/reduce.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override FN: u32 = 0;                       // 0 sum, 1 maximum
override RANK: u32 = 6;                     // axes that the walk counts

struct Params {
  outputs: u32,
  count: u32,                               // elements reduced to one
  chunk: u32,                               // of them in one partial result
  chunks: u32,                              // ceil(count / chunk)
  scale: f32,
//#for i in 0..6
  d${i}: u32,                               // lib/walk: sizes
//#end
//#for i in 0..6
  a${i}: u32,                               // strides in x
//#end
//#for i in 0..6
  b${i}: u32,                               // not used
//#end
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let item = flat_workgroup(group, groups) * WG + local.x;
  if (item >= params.outputs * params.chunks) { return; }
  let k = item / params.chunks;
  let first = (item - k * params.chunks) * params.chunk;
  let last = min(first + params.chunk, params.count);
  walk_to(k * params.count + first);
  var total = x[walk_offset.x];
  for (var r = first + 1u; r < last; r++) {
    walk_next();
    if (FN == 0u) { total += x[walk_offset.x]; } else { total = max(total, x[walk_offset.x]); }
  }
  y[item] = params.scale * total;
}

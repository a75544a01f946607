// tensor/reduce-max-grad — dx = dy at the first of the elements that are as large as the maximum y, else 0
//
// in    dy [outputs] f32                 gradient with respect to y
//       y  [outputs] f32                 maxima
//       x  f32                           read where the strides a0…a5 lead: first the axes that stay, then the reduced ones
// out   dx f32                           laid out as x; written at the same places
// grid  one invocation per maximum
// err   none here: the binding checks that the walk stays inside x and dx
// src   the gradient of max is that of one element, here the first
// twin  services/engine/reference/tensor/reduce.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override RANK: u32 = 6;                     // axes that the walk counts

struct Params {
  outputs: u32,
  count: u32,                               // elements reduced to one
//#for i in 0..6
  d${i}: u32,                               // lib/walk: sizes
//#end
//#for i in 0..6
  a${i}: u32,                               // strides in x and dx
//#end
//#for i in 0..6
  b${i}: u32,                               // not used
//#end
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let k = flat_workgroup(group, groups) * WG + local.x;
  if (k >= params.outputs) { return; }
  walk_to(k * params.count);
  var left = dy[k];                         // becomes 0 once it is given away
  for (var r = 0u; r < params.count; r++) {
    let at = walk_offset.x;
    let here = x[at] == y[k];
    dx[at] = select(0.0, left, here);
    left = select(left, 0.0, here);
    if (r + 1u < params.count) { walk_next(); }
  }
}

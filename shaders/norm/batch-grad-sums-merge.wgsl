// norm/batch-grad-sums-merge — sums of the slices' sums
//
// in    parts [slices, 2, C] f32         from norm/batch-grad-sums
// out   sum_dy, sum_dy_xhat [C] f32      the gradients of beta and of gamma; padding lanes 0
// grid  one invocation per vec4 of channels, over the slices in order; WG invocations per workgroup
// err   none here
// src   Ioffe & Szegedy 2015, §3
// twin  services/engine/reference/norm/batch-grad-sums.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  quads: u32,                               // C / 4
  slices: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> sum_dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> sum_dy_xhat: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let q = flat_workgroup(group, groups) * WG + local.x;
  if (q >= params.quads) { return; }
  var sum = vec4f(0.0);
  var product = vec4f(0.0);
  for (var slice = 0u; slice < params.slices; slice++) {
    sum += parts[slice * 2u * params.quads + q];
    product += parts[(slice * 2u + 1u) * params.quads + q];
  }
  sum_dy[q] = sum;
  sum_dy_xhat[q] = product;
}

// reduce/sum-parts — y[i] = Σ_s part[s, i], parts in order
//
// in    part [parts, n] f32              partial sums, n of any size
// out   y [n] f32
// grid  one invocation per element, WG per workgroup
// err   none here: the binding checks sizes
// src   sums are cut at places fixed by shapes alone, so the same sums are made on every run
// twin  services/engine/reference/conv/sum-slices.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)

struct Params {
  n: u32,
  parts: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> part: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  if (i >= params.n) { return; }
  var sum = part[i];
  for (var s = 1u; s < params.parts; s++) { sum += part[s * params.n + i]; }
  y[i] = sum;
}

// inequality/sign-rule — y[i] = |a[i]| or max(a[i], 0)
//
// in    map [n, m] f32                   attribution, signed
// out   y [n, m] f32                     non-negative, what the Gini index is taken of
// grid  WG invocations · PER vec4 each per workgroup
// err   none here: the binding checks sizes; non-finite values pass through and reduce/row-check counts them
// src   Duan et al. 2023, sec. 4.2 (absolute); their code of April 2023 (positive part)
// twin  services/engine/reference/inequality/sign-rule.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // vec4 per invocation

struct Params {
  quads: u32,                               // ceil(elements / 4)
  positive: u32,                            // 0 absolute value, 1 positive part
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> map: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i >= params.quads) { break; }
    y[i] = select(abs(map[i]), max(map[i], vec4f(0.0)), params.positive != 0u);
  }
}

// elementwise/unary-grad — dx[i] = f'(x[i]) · dy[i]
//
// in    dy [n] f32                       gradient with respect to y = f(x)
//       x  [n] f32, any layout           what f was given
// out   dx [n] f32                       may not alias dy or x; 0 where dy is 0, whatever f' is there (√ and log in padding lanes)
// grid  WG invocations · PER vec4 each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks sizes and parameters
// src   lib/unary
// twin  services/engine/reference/elementwise/unary-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // vec4 per invocation
override FN: u32 = 0;                       // which function

struct Params {
  quads: u32,                               // ceil(n / 4)
  p0: f32,                                  // parameters of the function
  p1: f32,
  p2: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> x: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i < params.quads) {
      let d = dy[i];
      dx[i] = select(unary_slope(x[i]) * d, vec4f(0.0), d == vec4f(0.0));
    }
  }
}

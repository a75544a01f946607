// attack/linf-step — x ← clip_[low,high]( clip_[x0-ε,x0+ε]( x + direction·stepSize·sign(g) ) ), sign(0) = 0
//
// in    x0 [n, m] f32                    the clean images
//       gradient [n, m] f32              of what is ascended or descended, at x; must be finite
// out   x [n, m] f32, in place           |x - x0| ≤ ε up to the rounding of x0 ± ε, and low ≤ x ≤ high
// grid  WG invocations · PER vec4 each per workgroup, rows ignored
// err   none here: the binding checks sizes and ranges; a NaN gradient moves x by an unknown step but never out of the box
// src   Madry et al. 2018, eq. 2; order of the clips as in torchattacks 3.5 PGD
// twin  services/engine/reference/attack/linf-step.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // vec4 per invocation

struct Params {
  quads: u32,                               // ceil(n·m / 4)
  stepSize: f32,                            // pixel units of [0, 1]
  epsilon: f32,                             // pixel units of [0, 1]
  direction: f32,                           // +1 ascends, -1 descends
  low: f32,
  high: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x0: array<vec4f>;
@group(0) @binding(2) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> x: array<vec4f>;

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
    let moved = x[i] + params.direction * params.stepSize * sign(gradient[i]);
    let boxed = clamp(moved, x0[i] - params.epsilon, x0[i] + params.epsilon);
    x[i] = clamp(boxed, vec4f(params.low), vec4f(params.high));
  }
}

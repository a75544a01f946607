// norm/batch-grad-eval — dx[r,c] = dy[r,c] · gamma[c] / √(variance[c] + epsilon)
//
// in    dy [rows, C] f32                 rows = n·h·w
//       variance [C] f32                 the running variance: a constant, so nothing flows through it
//       gamma [C] f32                    padding lanes 0, which makes those of dx 0
// out   dx [rows, C] f32
// grid  an invocation takes PER vec4 of one channel group, `span` apart: neighbours load neighbours, scale is made once
// err   none here: the binding checks that epsilon > 0
// src   Ioffe & Szegedy 2015, alg. 2 (evaluation mode)
// twin  services/engine/reference/norm/batch-grad-eval.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 8;                      // rows per invocation

struct Params {
  total: u32,                               // rows · quads
  quads: u32,                               // C / 4
  span: u32,                                // ceil(rows / PER) · quads
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read> variance: array<vec4f>;
@group(0) @binding(3) var<storage, read> gamma: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG + local.x;
  if (base >= params.span) { return; }
  let q = base % params.quads;
  let scale = gamma[q] / sqrt(variance[q] + params.epsilon);
  for (var j = 0u; j < PER; j++) {
    let i = base + j * params.span;
    if (i < params.total) { dx[i] = dy[i] * scale; }
  }
}

// attack/l2-start — x = clip_[low,high]( x0 + z/‖z‖₂ · u^(1/m) · ε ): uniform in the l2 ball, then clipped
//
// in    x0 [n, m] f32                    clean images, in [low, high]
//       norm [n] f32                     ‖z‖₂ of each row
//       images [n] u32                   index of each row's image in the data set
//       draws [n] u32                    added to params.draw row by row when rowDraws is 1 (else any buffer)
// out   x [n, m] f32, in place           holds the standard normals z before, the start after
// grid  one workgroup per row; WG invocations stride over the columns
// err   none here: the binding checks sizes and ranges
// src   Muller 1959 (direction of normals); radius by inverting P(r ≤ t) = t^m. torchattacks takes u itself as the radius,
//       which for m = 3072 starts far inside the ball; this start is uniform in it
// twin  services/engine/reference/attack/l2-start.ts

override WG: u32 = 64;                      // invocations per row

struct Params {
  n: u32,
  m: u32,
  seedLow: u32,
  seedHigh: u32,
  draw: u32,
  stream: u32,
  rowDraws: u32,                            // 0 | 1
  epsilon: f32,                             // l2 radius in pixel units of [0, 1]
  low: f32,
  high: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x0: array<f32>;
@group(0) @binding(2) var<storage, read> norm: array<f32>;
@group(0) @binding(3) var<storage, read> images: array<u32>;
@group(0) @binding(4) var<storage, read> draws: array<u32>;
@group(0) @binding(5) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = flat_workgroup(group, groups);
  if (row >= params.n) { return; }
  // Block 2^32 - 1 lies beyond every row's columns, so the radius shares no bits with the direction.
  let draw = params.draw + select(0u, draws[row], params.rowDraws != 0u);
  let words = philox4x32(vec4u(0xffffffffu, images[row], draw, params.stream), vec2u(params.seedLow, params.seedHigh));
  let radius = exp(log_unit(words.x) / f32(params.m)) * params.epsilon;
  let scale = select(0.0, radius / norm[row], norm[row] > 0.0);
  for (var c = local.x; c < params.m; c += WG) {
    let i = row * params.m + c;
    x[i] = clamp(x0[i] + x[i] * scale, params.low, params.high);
  }
}

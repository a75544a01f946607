// norm/local-response-grad — dx[c] = dy[c] · s[c]^−beta − 2 · beta · alpha / size · x[c] · Σ_l dy[l] · x[l] · s[l]^(−beta − 1)
//
// in    dy, x [n, channels, inner] f32   dense; s as in norm/local-response, l the channels whose window holds c
// out   dx [n, channels, inner] f32
// grid  WG invocations · PER elements each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks that s > 0
// src   the derivative of norm/local-response; s is summed again for each l, as windows are short
// twin  services/engine/reference/norm/local-response-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 16;                     // elements per invocation

struct Params {
  elements: u32,
  channels: u32,
  inner: u32,
  before: u32,                              // channels of the window below c
  after: u32,                               // and above it
  scale: f32,                               // alpha / size
  beta: f32,
  bias: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  for (var j = 0u; j < PER; j++) {
    let i = base + j * WG;
    if (i >= params.elements) { break; }
    let c = i / params.inner % params.channels;
    let pixel = i - c * params.inner;       // of channel 0
    var through_others = 0.0;
    for (var l = max(c, params.after) - params.after; l <= min(c + params.before, params.channels - 1u); l++) {
      let at = pixel + l * params.inner;
      through_others += dy[at] * x[at] * pow(strength(pixel, l), -params.beta - 1.0);
    }
    dx[i] = dy[i] * pow(strength(pixel, c), -params.beta) - 2.0 * params.beta * params.scale * x[i] * through_others;
  }
}

// s of channel c at a pixel, given by its element of channel 0.
fn strength(pixel: u32, c: u32) -> f32 {
  var squares = 0.0;
  for (var l = max(c, params.before) - params.before; l <= min(c + params.after, params.channels - 1u); l++) {
    let v = x[pixel + l * params.inner];
    squares += v * v;
  }
  return params.bias + params.scale * squares;
}

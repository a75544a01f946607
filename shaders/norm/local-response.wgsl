// norm/local-response — y[n, c, i] = x[n, c, i] · s[c]^−beta, s[c] = bias + alpha / size · Σ_l x[n, l, i]², l in c − before … c + after
//
// in    x [n, channels, inner] f32       dense; channels outside of the tensor count as 0
// out   y [n, channels, inner] f32
// grid  WG invocations · PER elements each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks that s > 0
// src   Krizhevsky, Sutskever & Hinton 2012, §3.3; ONNX LRN
// twin  services/engine/reference/norm/local-response.ts

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
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

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
    let first = max(c, params.before) - params.before;
    let last = min(c + params.after, params.channels - 1u);
    var squares = 0.0;
    for (var l = first; l <= last; l++) {
      let v = x[i + l * params.inner - c * params.inner];
      squares += v * v;
    }
    y[i] = x[i] * pow(params.bias + params.scale * squares, -params.beta);
  }
}

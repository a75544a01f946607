// optim/sgd — one step of stochastic gradient descent with momentum and weight decay, in place
//
//   d = g + weight_decay · w;  velocity = momentum · velocity + d;  w −= learning_rate · (nesterov ? d + momentum · velocity : velocity)
//
// in    g [n] f32                        gradient of the loss
// out   w, velocity [n] f32              in place; velocity starts as 0; padding lanes 0 stay 0
// grid  WG invocations · PER vec4 each per workgroup, strided so that neighbours load neighbours
// err   none here: the binding checks sizes and ranges
// src   PyTorch optim.SGD (dampening 0; the learning rate is outside the velocity)
// twin  services/engine/reference/optim/sgd.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 64;                     // vec4 per invocation

struct Params {
  quads: u32,                               // ceil(n / 4)
  learning_rate: f32,
  momentum: f32,
  weight_decay: f32,
  nesterov: u32,                            // 1 or 0
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> w: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> velocity: array<vec4f>;

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
      let d = g[i] + params.weight_decay * w[i];
      let v = params.momentum * velocity[i] + d;
      velocity[i] = v;
      w[i] -= params.learning_rate * select(v, d + params.momentum * v, params.nesterov == 1u);
    }
  }
}

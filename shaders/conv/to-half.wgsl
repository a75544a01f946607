// conv/to-half — y[i] = x[i] rounded to f16
//
// in    x [n] f32, any layout
// out   y [n] f16                       what no f16 can hold becomes ±65504, not an infinity
// grid  one invocation per vec4, WG per workgroup
// err   none here: the binding checks sizes
// src   IEEE 754 binary16; WGSL leaves open which of its two neighbours a value becomes
// twin  services/engine/reference/conv/to-half.ts

override WG: u32 = 64;                      // invocations per workgroup

struct Params {
  quads: u32,                               // ceil(n / 4)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec2u>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  if (i >= params.quads) { return; }
  let value = clamp(x[i], vec4f(-65504.0), vec4f(65504.0));
  y[i] = vec2u(pack2x16float(value.xy), pack2x16float(value.zw));
}

// bench/multiply-add — y[i] = x0 after `rounds` times UNROLL steps x ← x·factor + addend, summed over CHAINS independent chains
//
// in    nothing but parameters: chain p of invocation i starts at (i mod 61 + p) / 64
// out   y [invocations] f32   the sum of the chains, so that none can be dropped
// grid  one invocation per element; 2·CHAINS·UNROLL·rounds operations each, none of which touches memory
// err   none: the binding gives factor < 1, so that nothing overflows
// src   the usual measurement of an adapter's arithmetic peak (Volkov 2016, chapter 4)
// twin  test/bench/peak.ts, multiplyAddReference

override WG: u32 = 64;

struct Params { n: u32, rounds: u32, factor: f32, addend: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let i = flat_workgroup(group, groups) * WG + local.x;
  let m = params.factor;
  let b = params.addend;
  //#for p in 0..CHAINS
  var x${p} = f32(i % 61u + ${p}u) / 64.0;
  //#end
  for (var round = 0u; round < params.rounds; round++) {
    //#for step in 0..UNROLL
    //#for p in 0..CHAINS
    x${p} = x${p} * m + b;
    //#end
    //#end
  }
  if (i >= params.n) { return; }
  var sum = 0.0;
  //#for p in 0..CHAINS
  sum += x${p};
  //#end
  y[i] = sum;
}

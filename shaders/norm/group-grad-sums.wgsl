// norm/group-grad-sums — per group the means of g and of g · x̂, g = dy · gamma and x̂ = (x − mean) / √(variance + epsilon)
//
// in    dy, x [groups, size] f32         dense
//       statistics [groups, 2] f32       from norm/group-statistics
//       gamma [channels] f32             read only where params.scaled says so
// out   sums [groups, 2] f32             mean of g; mean of g · x̂
// grid  one invocation per short group, WG per workgroup; one workgroup per long one (lib/group-share)
// err   none here: the binding checks sizes
// src   Ioffe & Szegedy 2015, §3, with a group in the place of the batch
// twin  services/engine/reference/norm/group-grad.ts

override WG: u32 = 8;                       // invocations per workgroup; a power of two where they share a group

struct Params {
  groups: u32,
  size: u32,
  inner: u32,                               // neighbours that share a gamma
  channels: u32,
  scaled: u32,                              // 0: without gamma
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<vec2f>;

const RUN: u32 = 64u;                       // terms added before they join the total: keeps the rounding of long sums near √size

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let mine = group_of(flat_workgroup(group, groups), local.x);
  if (mine >= params.groups) { return; }    // the whole workgroup where it shares a group: barriers below are legal
  let lane = lane_of(local.x);
  let first = mine * params.size;
  let end = first + params.size;
  let step = sharers();
  let s = statistics[mine];
  var sum = vec2f(0.0);
  for (var block = first + lane; block < end; block += step * RUN) {
    var part = vec2f(0.0);
    for (var at = block; at < min(block + step * RUN, end); at += step) {
      var g = dy[at];
      if (params.scaled == 1u) { g *= gamma[at / params.inner % params.channels]; }
      part += vec2f(g, g * (x[at] - s.x));
    }
    sum += part;
  }
  let g_sum = shared_sum(lane, sum.x);
  let product_sum = shared_sum(lane, sum.y);
  if (lane == 0u) { sums[mine] = vec2f(g_sum, product_sum * s.y) / f32(params.size); }
}

// norm/group-statistics — mean of each group of neighbouring elements, and 1 / √(variance + epsilon) with the biased variance
//
// in    x [groups, size] f32             dense
// out   statistics [groups, 2] f32       mean; inverse deviation
// grid  one invocation per short group, WG per workgroup; one workgroup per long one (lib/group-share)
// err   none here: the binding checks that epsilon > 0
// src   Ba, Kiros & Hinton 2016, eq. 3; Wu & He 2018; two passes (Chan, Golub & LeVeque 1983): no digits are lost when mean ≫ deviation
// twin  services/engine/reference/norm/group-statistics.ts

override WG: u32 = 8;                       // invocations per workgroup; a power of two where they share a group

struct Params {
  groups: u32,
  size: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> statistics: array<vec2f>;

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

  var sum = 0.0;
  for (var block = first + lane; block < end; block += step * RUN) {
    var part = 0.0;
    for (var at = block; at < min(block + step * RUN, end); at += step) { part += x[at]; }
    sum += part;
  }
  let mean = shared_sum(lane, sum) / f32(params.size);

  var squares = 0.0;
  for (var block = first + lane; block < end; block += step * RUN) {
    var part = 0.0;
    for (var at = block; at < min(block + step * RUN, end); at += step) {
      let d = x[at] - mean;
      part += d * d;
    }
    squares += part;
  }
  let variance = shared_sum(lane, squares) / f32(params.size);
  if (lane == 0u) { statistics[mine] = vec2f(mean, 1.0 / sqrt(variance + params.epsilon)); }
}

// inequality/gini-rows — y[i] = Gini index of row i, equation (4), for values sorted in ascending order
//
//   (n + 1 - 2 Σ (n+1-i) v_i / Σ v) / n  =  Σ_{i ≤ n/2} (n+1-2i) (v_(n+1-i) - v_i) / (n Σ v)
//
// The second form, which pairs the i-th smallest with the i-th largest, has no negative term: nothing cancels, equal values
// give exactly 0, and f32 sums are enough for 150,528 values.
//
// in    sorted [n, m] f32                each row ascending and non-negative (reduce/sort-rows)
// out   y [n] f32                        in [0, 1 - 1/m]; 0 for a row of zeros; -1 for a row with a negative, infinite or NaN value
// grid  one workgroup per row; WG invocations stride over the pairs
// err   none here: the binding checks sizes
// src   Duan et al. 2023, eq. 4
// twin  services/engine/reference/inequality/gini-rows.ts

override WG: u32 = 256;                     // invocations per row, a power of two

struct Params {
  n: u32,
  m: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sorted: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

const RUN: u32 = 16u;                       // terms added before they join the total: keeps the rounding of long rows near √m

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let row = flat_workgroup(group, groups);
  if (row >= params.n) { return; }
  let m = params.m;
  let first = row * m;
  let scale = sorted[first + m - 1u];                             // dividing by the largest keeps tiny maps from underflowing
  let pairs = (m + 1u) / 2u;                                      // an odd row's middle value pairs with itself: weight 0
  var gaps = 0.0;
  var values = 0.0;
  for (var block = local.x; block < pairs; block += WG * RUN) {
    var gap_part = 0.0;
    var value_part = 0.0;
    for (var i = block; i < min(block + WG * RUN, pairs); i += WG) {
      let a = sorted[first + i];
      let b = sorted[first + m - 1u - i];
      gap_part += f32(m - 1u - 2u * i) * ((b - a) / scale);
      value_part += select(a / scale + b / scale, a / scale, 2u * i + 1u == m);
    }
    gaps += gap_part;
    values += value_part;
  }
  let gap_sum = tree_sum(local.x, gaps);
  let value_sum = tree_sum(local.x, values);
  if (local.x != 0u) { return; }
  // Sorted rows show a negative value or NaN at the low end, infinity at the high end; looked for by bits (reduce/sort-rows).
  let low = bitcast<u32>(sorted[first]);
  let valid = low < 0x7f800000u && bitcast<u32>(scale) < 0x7f800000u;
  y[row] = select(-1.0, select(gap_sum / (f32(m) * value_sum), 0.0, bitcast<u32>(scale) == 0u), valid);
}

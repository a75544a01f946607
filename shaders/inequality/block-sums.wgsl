// inequality/block-sums — one value per region: the map tiled into square blocks and summed
//
// in    map [n, c, h, w] f32             attribution, signed
// out   y [n, cells] f32                 non-negative; cells = ceil(h/block) · ceil(w/block), times c for mode 3
// grid  WG invocations · PER cells each per workgroup, over n · cells
// err   none here: the binding checks sizes. A side that block does not divide ends in a smaller block (as zero padding would)
// src   Duan et al. 2023, sec. 4.2 (regional) and released code; Chen et al. 2023 code for the per-channel form
// twin  services/engine/reference/inequality/block-sums.ts

override WG: u32 = 8;                       // invocations per workgroup; 8 = one lavapipe subgroup (performance.md §3)
override PER: u32 = 1;                      // cells per invocation; each is a loop over a block

struct Params {
  n: u32,
  c: u32,
  h: u32,
  w: u32,
  block: u32,                               // side in pixels
  mode: u32,                                // 0 Σ|a|, 1 Σmax(a,0), 2 max(Σa,0), each over channels too; 3 Σ|a| per channel
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> map: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let base = flat_workgroup(group, groups) * WG * PER + local.x;
  let across = (params.w + params.block - 1u) / params.block;
  let blocks = across * ((params.h + params.block - 1u) / params.block);
  let summed = select(params.c, 1u, params.mode == 3u);           // channels in one cell
  for (var j = 0u; j < PER; j++) {
    let item = base + j * WG;                                     // (image, channel group, block)
    let plane = item / blocks;
    if (plane >= params.n * params.c / summed) { break; }
    let cell = item - plane * blocks;
    let top = (cell / across) * params.block;
    let left = (cell % across) * params.block;
    var sum = 0.0;
    for (var ch = plane * summed; ch < (plane + 1u) * summed; ch++) {
      for (var row = top; row < min(top + params.block, params.h); row++) {
        var line = 0.0;                                           // lines first: fewer roundings on the way to the total
        for (var col = left; col < min(left + params.block, params.w); col++) {
          line += signed_rule(map[(ch * params.h + row) * params.w + col]);
        }
        sum += line;
      }
    }
    y[item] = max(sum, 0.0);
  }
}

fn signed_rule(a: f32) -> f32 {
  switch (params.mode) {
    case 1u: { return max(a, 0.0); }
    case 2u: { return a; }
    default: { return abs(a); }
  }
}

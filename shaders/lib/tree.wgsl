// tree — one value per invocation reduced over the workgroup, in a fixed order, so that reruns agree bit for bit.
// src  the usual halving tree; needs `override WG` to be a power of two. Every invocation must call it (it has barriers)
//      and every invocation gets the result.

var<workgroup> tree_cells: array<f32, WG>;

fn tree_sum(lane: u32, value: f32) -> f32 {
  tree_cells[lane] = value;
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tree_cells[lane] += tree_cells[lane + half]; }
  }
  return tree_result();
}

fn tree_max(lane: u32, value: f32) -> f32 {
  tree_cells[lane] = value;
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { tree_cells[lane] = max(tree_cells[lane], tree_cells[lane + half]); }
  }
  return tree_result();
}

fn tree_result() -> f32 {
  workgroupBarrier();
  let result = tree_cells[0];
  workgroupBarrier();                       // the next reduction overwrites the cells
  return result;
}

// grid — flatten a 2-D dispatch so a kernel can ask for more than 65 535 workgroups.
// src  services/engine/gpu/kernel.ts `foldGrid`, the only caller that launches one.

fn flat_workgroup(id: vec3u, count: vec3u) -> u32 {
  return id.y * count.x + id.x;
}

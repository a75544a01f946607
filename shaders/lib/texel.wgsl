// texel — reads a tensor through its texture, as an array of vec4.
// src  services/engine/gpu/tensor.ts `TensorTexture`: texel (i mod 4096, i div 4096) is vec4 i.

fn texel(image: texture_storage_2d<rgba32float, read>, i: u32) -> vec4f {
  return textureLoad(image, vec2u(i & 4095u, i >> 12u));
}

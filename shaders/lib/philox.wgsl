// philox — Philox 4x32-10: four random u32 words as a pure function of (counter, key).
// src  Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"; host twin services/common/rng.ts
//
// Every kernel keys it the same way, so that batch size, order and sharding never change an image's numbers:
//   key     = (seed_low, seed_high)
//   counter = (block, image, draw, stream)   block = column / 4 in the row, image = index in the data set,
//                                            draw = which use (step, restart, sample), stream = which purpose

fn philox4x32(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k = key;
  for (var round = 0u; round < 10u; round++) {
    let p = philox_wide(0xD2511F53u, c.x);
    let q = philox_wide(0xCD9E8D57u, c.z);
    c = vec4u(q.x ^ c.y ^ k.x, q.y, p.x ^ c.w ^ k.y, p.y);
    k += vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return c;
}

// The 64-bit product as (high, low); WGSL has no wide multiply, so it is built from 16-bit halves, none of which carries.
fn philox_wide(a: u32, b: u32) -> vec2u {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let cross = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let cross2 = (a & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
  return vec2u((a >> 16u) * (b >> 16u) + (cross >> 16u) + (cross2 >> 16u), a * b);
}

// Uniform in [0, 1): the upper 24 bits, exact in f32.
fn unit_interval(words: vec4u) -> vec4f {
  return vec4f(words >> vec4u(8u)) * 0x1p-24;
}

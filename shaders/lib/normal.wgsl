// normal — standard normals from random words (Box & Muller 1958), and the logarithm and cosine they need.
// src  argument reduction and series as in Cephes logf/sinf; own versions because WGSL promises only 2^-11 for cos and
//      an absolute error for log, which would make the numbers differ visibly between adapters
// Needs lib/philox (unit_interval).

// Two pairs: (x, y) of the words give elements 0 and 1, (z, w) give 2 and 3. |z| < 5.8.
fn normals(words: vec4u) -> vec4f {
  let u = unit_interval(words);
  let radius_a = sqrt(-2.0 * log_unit(words.x));
  let radius_b = sqrt(-2.0 * log_unit(words.z));
  return vec4f(radius_a * turn(u.y), radius_b * turn(u.w));
}

// ln((k + 1) / 2^24), k = the word's upper 24 bits: in [-16.7, 0], never infinite, exact to rounding near 0.
fn log_unit(word: u32) -> f32 {
  let bits = bitcast<u32>(f32((word >> 8u) + 1u) * 0x1p-24);
  var exponent = f32(i32(bits >> 23u) - 127);
  var mantissa = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u);
  if (mantissa > 1.41421356) { mantissa *= 0.5; exponent += 1.0; }
  let s = (mantissa - 1.0) / (mantissa + 1.0);                    // |s| < 0.172; ln(mantissa) = 2 atanh(s)
  let z = s * s;
  let series = 2.0 + z * (2.0 / 3.0 + z * (2.0 / 5.0 + z * (2.0 / 7.0 + z * (2.0 / 9.0))));
  return exponent * 0.69314718056 + s * series;
}

// (cos, sin) of 2πu for u in [0, 1); the reduction to an eighth turn is exact.
fn turn(u: f32) -> vec2f {
  let quarter = floor(4.0 * u + 0.5);
  let a = (4.0 * u - quarter) * 1.57079632679;                    // |a| <= π/4
  let z = a * a;
  let c = 1.0 + z * (-0.5 + z * (1.0 / 24.0 + z * (-1.0 / 720.0 + z * (1.0 / 40320.0))));
  let s = a * (1.0 + z * (-1.0 / 6.0 + z * (1.0 / 120.0 + z * (-1.0 / 5040.0 + z * (1.0 / 362880.0)))));
  switch (u32(quarter) & 3u) {
    case 1u: { return vec2f(-s, c); }
    case 2u: { return vec2f(-c, -s); }
    case 3u: { return vec2f(s, -c); }
    default: { return vec2f(c, s); }
  }
}

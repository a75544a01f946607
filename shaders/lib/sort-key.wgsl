// sort-key — floats as u32 whose integer order is the order of the floats, so that sorting never compares a NaN.
// src  Herf 2001, "Radix tricks"

// -0 and +0 get one key: they are equal as numbers and must tie. Every NaN gets key 0, below -infinity.
fn float_key(bits: u32) -> u32 {
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0u; }
  if (bits == 0x80000000u) { return 0x80000000u; }
  return bits ^ select(0x80000000u, 0xffffffffu, bits >= 0x80000000u);
}

// The bits of the float (a NaN comes back as a NaN, -0 as +0).
fn key_float(key: u32) -> u32 {
  return key ^ select(0xffffffffu, 0x80000000u, key >= 0x80000000u);
}

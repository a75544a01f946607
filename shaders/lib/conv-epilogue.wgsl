// conv-epilogue — what every convolution kernel does to a sum before it stores it.
// The kernel declares params.flags and the bindings bias, residual and mask; a binding whose flag is unset is never read.
// src  services/engine/kernels/conv/epilogue.ts `EPILOGUE`, which sets the flags.

const HAS_BIAS = 1u;
const HAS_RESIDUAL = 2u;
const HAS_RELU = 4u;
const HAS_MASK = 8u;

// The start of a sum for the four output channels `column`.
fn initial(column: u32) -> vec4f {
  if ((params.flags & HAS_BIAS) == 0u) { return vec4f(0.0); }
  return bias[column];
}

// y = maskpos(relu?(sum + residual)); `at` is the vec4 of y that the result is for.
fn finish(sum: vec4f, at: u32) -> vec4f {
  var value = sum;
  if ((params.flags & HAS_RESIDUAL) != 0u) { value += residual[at]; }
  if ((params.flags & HAS_RELU) != 0u) { value = max(value, vec4f(0.0)); }
  if ((params.flags & HAS_MASK) != 0u) { value = select(vec4f(0.0), value, mask[at] > vec4f(0.0)); }
  return value;
}

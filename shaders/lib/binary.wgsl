// binary — the functions of two numbers, chosen by `override FN` so that a pipeline holds one of them.
// src  services/engine/kernels/elementwise/binary-functions.ts numbers them. Truth values are 0 and 1.

fn binary(a: vec4f, b: vec4f) -> vec4f {
  let zero = vec4f(0.0);
  switch FN {
    case 0u: { return a + b; }
    case 1u: { return a - b; }
    case 2u: { return a * b; }
    case 3u: { return a / b; }
    case 4u: { return power(a, b); }
    case 5u: { return max(a, b); }
    case 6u: { return min(a, b); }
    case 7u: { return truth(a == b); }
    case 8u: { return truth(a < b); }
    case 9u: { return truth(a <= b); }
    case 10u: { return truth(a > b); }
    case 11u: { return truth(a >= b); }
    case 12u: { return truth((a != zero) & (b != zero)); }
    case 13u: { return truth((a != zero) | (b != zero)); }
    default: { return truth((a != zero) != (b != zero)); }
  }
}

fn truth(holds: vec4<bool>) -> vec4f { return select(vec4f(0.0), vec4f(1.0), holds); }

// a^b for a ≥ 0 or whole b. The square, which normalisations are exported with, is exact to the last place.
fn power(a: vec4f, b: vec4f) -> vec4f {
  let magnitude = select(exp2(b * log2(abs(a))), vec4f(0.0), a == vec4f(0.0));
  let odd = fract(0.5 * abs(b)) == vec4f(0.5);
  let signed = select(magnitude, -magnitude, (a < vec4f(0.0)) & odd);
  return select(select(signed, a * a, b == vec4f(2.0)), vec4f(1.0), b == vec4f(0.0));
}

// unary — the functions of one number and their derivatives, chosen by `override FN` so that a pipeline holds one of them.
// src  services/engine/kernels/elementwise/unary-functions.ts numbers them and says what p0, p1, p2 of Params are.
//      Written so that no function overflows on the way to a finite result: WGSL may assume that no number is infinite.

const TWO_OVER_SQRT_PI = 1.1283791670955126;
const SQRT_HALF = 0.7071067811865476;
const GELU_TANH = 0.7978845608028654;       // √(2/π)
const GELU_CUBE = 0.044715;                 // Hendrycks & Gimpel 2016

fn unary(x: vec4f) -> vec4f {
  switch FN {
    case 0u: { return -x; }
    case 1u: { return abs(x); }
    case 2u: { return sqrt(x); }
    case 3u: { return exp(x); }
    case 4u: { return log(x); }
    case 5u: { return sigmoid(x); }
    case 6u: { return tanh_of(x); }
    case 7u: { return erf(x); }
    case 8u: { return 1.0 / x; }
    case 9u: { return floor(x); }
    case 10u: { return ceil(x); }
    case 11u: { return round(x); }
    case 12u: { return sign(x); }
    case 13u: { return sin(x); }
    case 14u: { return cos(x); }
    case 15u: { return max(x, vec4f(0.0)) + log(1.0 + exp(-abs(x))); }
    case 16u: { return select(vec4f(0.0), vec4f(1.0), x == vec4f(0.0)); }
    case 17u: { return x * clamp(x / 6.0 + 0.5, vec4f(0.0), vec4f(1.0)); }
    case 18u: { return params.p0 * x + params.p1; }
    case 19u: { return clamp(x, vec4f(params.p0), vec4f(params.p1)); }
    case 20u: { return select(params.p0 * x, x, x > vec4f(0.0)); }
    case 21u: { return params.p1 * select(params.p0 * (exp(min(x, vec4f(0.0)) * params.p2) - 1.0), x, x > vec4f(0.0)); }
    case 22u: { return clamp(params.p0 * x + params.p1, vec4f(0.0), vec4f(1.0)); }
    case 23u: { return 0.5 * x * (1.0 + erf(x * SQRT_HALF)); }
    case 24u: { return 0.5 * x * (1.0 + tanh_of(GELU_TANH * (x + GELU_CUBE * x * x * x))); }
    case 25u: { return power(x, params.p0); }
    default: { return x; }
  }
}

fn unary_slope(x: vec4f) -> vec4f {
  switch FN {
    case 0u: { return vec4f(-1.0); }
    case 1u: { return sign(x); }
    case 2u: { return 0.5 / sqrt(x); }
    case 3u: { return exp(x); }
    case 4u: { return 1.0 / x; }
    case 5u: { return sigmoid(x) * sigmoid(-x); }
    case 6u: { let t = tanh_of(x); return 1.0 - t * t; }
    case 7u: { return TWO_OVER_SQRT_PI * exp(-x * x); }
    case 8u: { return -1.0 / (x * x); }
    case 13u: { return cos(x); }
    case 14u: { return -sin(x); }
    case 15u: { return sigmoid(x); }
    case 17u: { return select(select(x / 3.0 + 0.5, vec4f(1.0), x > vec4f(3.0)), vec4f(0.0), x < vec4f(-3.0)); }
    case 18u: { return vec4f(params.p0); }
    case 19u: { // p2: at the bounds, too
      let bound = (x == vec4f(params.p0)) | (x == vec4f(params.p1));
      return select(vec4f(0.0), vec4f(1.0), ((x > vec4f(params.p0)) & (x < vec4f(params.p1))) | (bound & vec4<bool>(params.p2 == 1.0)));
    }
    case 20u: { return select(vec4f(params.p0), vec4f(1.0), x > vec4f(0.0)); }
    case 21u: { return params.p1 * select(params.p0 * params.p2 * exp(min(x, vec4f(0.0)) * params.p2), vec4f(1.0), x > vec4f(0.0)); }
    case 22u: { let s = params.p0 * x + params.p1; return select(vec4f(0.0), vec4f(params.p0), (s > vec4f(0.0)) & (s < vec4f(1.0))); }
    case 23u: { return 0.5 * (1.0 + erf(x * SQRT_HALF)) + 0.5 * SQRT_HALF * TWO_OVER_SQRT_PI * x * exp(-0.5 * x * x); }
    case 24u: {
      let t = tanh_of(GELU_TANH * (x + GELU_CUBE * x * x * x));
      return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU_TANH * (1.0 + 3.0 * GELU_CUBE * x * x);
    }
    case 25u: { return select(params.p0 * power(x, params.p0 - 1.0), vec4f(0.0), vec4<bool>(params.p0 == 0.0)); } // x^-1 may be anything
    default: { return vec4f(0.0); }         // functions that change in steps: the graph asks for no gradient of theirs
  }
}

fn sigmoid(x: vec4f) -> vec4f {
  let e = exp(-abs(x));
  return select(e, vec4f(1.0), x >= vec4f(0.0)) / (1.0 + e);
}

fn tanh_of(x: vec4f) -> vec4f {
  let e = exp(-2.0 * abs(x));
  return sign(x) * (1.0 - e) / (1.0 + e);
}

// The odd rational approximation of XLA and Eigen: within 3 units of the last place of erf; beyond the clamp erf rounds to ±1.
fn erf(v: vec4f) -> vec4f {
  let x = clamp(v, vec4f(-3.8325069), vec4f(3.8325069));
  let s = x * x;
  let p = (((0.00022905065861350646 * s + 0.0034082910107109506) * s + 0.050955695062380861) * s + 0.18520832239976145) * s + 1.128379143519084;
  let q = (((((-1.1791602954361697e-7 * s + 0.000023547966471313185) * s + 0.0010179625278914885) * s + 0.014070470171167667) * s + 0.11098505178285362) * s + 0.49746925110067538) * s + 1.0;
  return clamp(x * p / q, vec4f(-1.0), vec4f(1.0));
}

// x^e. Whole exponents up to 8 are products (exp2 and log2 are only a few units of 1e-6 exact, and log2 knows no negative x).
fn power(x: vec4f, e: f32) -> vec4f {
  let n = abs(e);
  if (n != floor(n) || n > 8.0) {
    let p = select(exp2(e * log2(abs(x))), vec4f(0.0), x == vec4f(0.0));
    let odd = n == floor(n) && fract(0.5 * n) != 0.0;
    return select(p, -p, (x < vec4f(0.0)) & vec4<bool>(odd));
  }
  var p = vec4f(1.0);
  for (var i = 0.0; i < n; i += 1.0) { p *= x; }
  return select(p, 1.0 / p, vec4<bool>(e < 0.0));
}

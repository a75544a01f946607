import type { UnaryFunction } from "../../../../engine/graph/operations/elementwise.ts";
import { TO_FLOAT } from "./cast-types.ts";
import type { Translations } from "./translation.ts";
import type { OnnxWriter } from "./writer.ts";

/** Functions that ONNX has under a name of its own and without attributes. */
const PLAIN: Readonly<Partial<Record<UnaryFunction["name"], string>>> = {
  neg: "Neg", abs: "Abs", sqrt: "Sqrt", exp: "Exp", log: "Log", sigmoid: "Sigmoid", tanh: "Tanh", erf: "Erf", reciprocal: "Reciprocal", floor: "Floor",
  ceil: "Ceil", round: "Round", sign: "Sign", sin: "Sin", cos: "Cos", softplus: "Softplus", hardSwish: "HardSwish",
};

export const elementwise = {
  relu: ({ writer, inputs, output }) => { writer.node("Relu", inputs, {}, output); },
  add: ({ writer, inputs, output }) => { writer.node("Add", inputs, {}, output); },
  unary: ({ writer, operation: { fn }, inputs: [x], output }) => { unary(writer, fn, x!, output); },
} as const satisfies Translations;

function unary(writer: OnnxWriter, fn: UnaryFunction, x: string, output: string): void {
  const times = (a: string, factor: number): string => writer.node("Mul", [a, writer.scalar(factor)]);
  const plus = (a: string, term: number): string => writer.node("Add", [a, writer.scalar(term)]);
  switch (fn.name) {
    case "affine": writer.node("Add", [times(x, fn.scale), writer.scalar(fn.shift)], {}, output); return;
    case "not": writer.node("Cast", [writer.node("Equal", [x, writer.scalar(0)])], { to: TO_FLOAT }, output); return;
    case "clip": case "clamp": writer.node("Clip", [x, bound(writer, fn.min), bound(writer, fn.max)], {}, output); return;
    case "leakyRelu": writer.node("LeakyRelu", [x], { alpha: { float: fn.slope } }, output); return;
    case "elu": writer.node("Elu", [x], { alpha: { float: fn.alpha } }, output); return;
    case "celu": writer.node("Celu", [x], { alpha: { float: fn.alpha } }, output); return;
    case "selu": writer.node("Selu", [x], { alpha: { float: fn.alpha }, gamma: { float: fn.gamma } }, output); return;
    case "hardSigmoid": writer.node("HardSigmoid", [x], { alpha: { float: fn.alpha }, beta: { float: fn.beta } }, output); return;
    case "pow": writer.node("Pow", [x, writer.scalar(fn.exponent)], {}, output); return;
    case "gelu": { // x/2 · (1 + erf(x/√2)), or tanh(√(2/π)·(x + 0.044715·x³)) in place of the error function
      const cubic = writer.node("Add", [x, times(writer.node("Pow", [x, writer.scalar(3)]), 0.044715)]);
      const gate = fn.approximate === "tanh" ? writer.node("Tanh", [times(cubic, Math.sqrt(2 / Math.PI))]) : writer.node("Erf", [times(x, Math.SQRT1_2)]);
      writer.node("Mul", [times(x, 0.5), plus(gate, 1)], {}, output);
      return;
    }
    default: writer.node(PLAIN[fn.name]!, [x], {}, output);
  }
}

/** Clip's bounds may be left out. */
function bound(writer: OnnxWriter, value: number): string { return Number.isFinite(value) ? writer.scalar(value) : ""; }

import { type Constant, broadcastShape, broadcastStrides, type ElementType } from "../constant.ts";
import { unsupported } from "../errors.ts";
import { elementType, typeName } from "../tensor-data.ts";
import { type Fold, type Folding, operand, operands, room, strided } from "./folding.ts";

/** The inputs, broadcast against each other and with `f` applied element by element; the type of the first unless given. */
function elementwise(folding: Folding, f: (...values: number[]) => number, type?: ElementType, inputs = operands(folding)): Constant {
  const { node } = folding;
  const shape = broadcastShape(...inputs.map((input) => input.shape));
  if (!shape) throw unsupported(node, `expected shapes that broadcast, got ${inputs.map((input) => `[${input.shape.join(", ")}]`).join(" and ")}; export the model again`);
  const spread = { ...folding, limit: folding.limit / inputs.length }; // every operand takes the result's shape
  const spreads = inputs.map((input) => strided(spread, input, shape, broadcastStrides(input.shape, shape.length)).data);
  const y = room(spread, type ?? inputs[0]!.type, shape);
  for (let i = 0; i < y.data.length; i++) y.data[i] = f(...spreads.map((data) => data[i]!));
  return y;
}

const same = (f: (...values: number[]) => number): Fold => (folding) => elementwise(folding, f);
const truth = (f: (...values: number[]) => boolean): Fold => (folding) => elementwise(folding, (...values) => Number(f(...values)), "bool");

/** C's division of integers cuts towards zero. */
const divide: Fold = (folding) => {
  if (operand(folding, 0).type === "float") return elementwise(folding, (a, b) => a / b);
  return elementwise(folding, (a, b) => {
    if (b === 0) throw unsupported(folding.node, "expected a divisor other than 0, got 0; export the model again");
    return Math.trunc(a / b);
  });
};

const modulo: Fold = (folding) => {
  const likeC = folding.attributes.flag("fmod", false);
  return elementwise(folding, (a, b) => (likeC ? a % b : a - b * Math.floor(a / b)));
};

const cast: Fold = (folding) => {
  const to = folding.attributes.int("to", 0);
  folding.attributes.ignore("saturate", "round_mode");
  const type = elementType(to);
  if (!type) throw unsupported(folding.node, `expected a cast to numbers, got ${typeName(to)}; export the model again`);
  const convert = { float: (v: number) => v, int: Math.trunc, bool: (v: number) => Number(v !== 0) }[type];
  return elementwise(folding, convert, type, [operand(folding, 0)]);
};

const where: Fold = (folding) => elementwise(folding, (condition, a, b) => (condition === 0 ? b! : a!), operand(folding, 1).type);

/** Half to even, as IEEE 754 and NumPy round. */
function roundHalfEven(v: number): number {
  const rounded = Math.round(v);
  return Math.abs(v % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

export const elementwiseFolds: Readonly<Record<string, Fold>> = {
  Add: same((a, b) => a! + b!), Sub: same((a, b) => a! - b!), Mul: same((a, b) => a! * b!), Div: divide, Mod: modulo, Pow: same((a, b) => a! ** b!),
  Min: same(Math.min), Max: same(Math.max), Sum: same((...values) => values.reduce((sum, v) => sum + v, 0)),
  Neg: same((a) => -a!), Abs: same(Math.abs), Sqrt: same(Math.sqrt), Exp: same(Math.exp), Log: same(Math.log), Reciprocal: same((a) => 1 / a!),
  Floor: same(Math.floor), Ceil: same(Math.ceil), Round: same(roundHalfEven), Sign: same(Math.sign), Sigmoid: same((a) => 1 / (1 + Math.exp(-a!))), Tanh: same(Math.tanh),
  Equal: truth((a, b) => a === b), Less: truth((a, b) => a! < b!), LessOrEqual: truth((a, b) => a! <= b!), Greater: truth((a, b) => a! > b!), GreaterOrEqual: truth((a, b) => a! >= b!),
  And: truth((a, b) => a !== 0 && b !== 0), Or: truth((a, b) => a !== 0 || b !== 0), Xor: truth((a, b) => (a !== 0) !== (b !== 0)), Not: truth((a) => a === 0),
  Cast: cast, Where: where,
};

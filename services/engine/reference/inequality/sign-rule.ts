/** |map| or max(map, 0). @param map [n]. @returns [n]. */
export function signRuleReference(map: Float64Array, mode: "absolute" | "positive"): Float64Array {
  return map.map((v) => (mode === "absolute" ? Math.abs(v) : Math.max(v, 0)));
}

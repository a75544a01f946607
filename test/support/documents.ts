const deep = "{ models { edges { node { trainingRun { product { trainingRun { product { id } } } } } } } }";
const aliased = `{ ${Array.from({ length: 6 }, (_, i) => `a${i}: datasets { name }`).join(" ")} }`;
const long = `{ datasets { ${"name ".repeat(800)} } }`;
const directed = `{ datasets { ${Array.from({ length: 21 }, () => "name @include(if: true)").join(" ")} } }`;
const dear = "{ runs(first: 200) { edges { node { imageResults(first: 200) { edges { node { measure image } } } } } } }";
/** Documents that go beyond STRICT_LIMITS (or a fixed limit), each in one way; over HTTP and WebSocket the answer must be the same. */
export const BEYOND_LIMITS = { deep, aliased, long, directed, dear };

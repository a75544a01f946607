/** jax-js. Arguments: folder of inputs, backend (webgpu), part of the adapter's name. Its arrays are counted: `.ref` keeps one that a call would use up. */
import { readFileSync } from "node:fs";

import { provideWebGpu } from "./dawn.mjs";
import { input, namesUnder, serve, settings } from "./protocol.mjs";

const [, backend, adapterName] = process.argv.slice(2);

async function open() {
  const adapter = await provideWebGpu(adapterName);
  const jax = await import("@jax-js/jax");
  if (!(await jax.init(backend)).includes(backend)) throw new Error(`backend ${backend} could not be started`);
  jax.defaultDevice(backend);
  const { version } = JSON.parse(readFileSync(new URL("node_modules/@jax-js/jax/package.json", import.meta.url), "utf8")); // it exports none
  return { engine: `jax-js ${version} ${backend} on ${adapter}`, cases: { ...operators(jax), ...smallCnn(jax) } };
}

function load({ numpy: np }, name) {
  const { shape, data } = input(name);
  return np.array(data, { shape });
}

/** @param {() => any} run gives one array; `also` arrays that must be there too before a unit counts as done */
function work(jax, run, also = () => []) {
  return {
    run,
    wait: async (result) => { await jax.blockUntilReady([result, ...also()]); },
    release: (result) => result.dispose(),
    output: (result) => result.ref.data(),
  };
}

function operators(jax) {
  const { numpy: np, lax, jit, grad } = jax;
  const conv = (x, w) => lax.convGeneralDilated(x, w, [1, 1], "SAME");
  const operands = () => ["x", "w", "dy"].map((name) => load(jax, `conv/${name}`));
  return {
    "gemm"() {
      const [a, b] = [load(jax, "gemm/a"), load(jax, "gemm/b")];
      const product = jit((p, q) => np.matmul(p, q));
      return work(jax, () => product(a.ref, b.ref));
    },
    "conv-forward"() {
      const [x, w] = operands();
      const forward = jit(conv);
      return work(jax, () => forward(x.ref, w.ref));
    },
    // The gradient of Σ dy·conv(x, w): the product in it is linear, so no forward pass is left to compute.
    "conv-grad-input"() {
      const [x, w, dy] = operands();
      const gradient = jit((p, q, g) => grad((z) => np.sum(conv(z, q.ref).mul(g.ref)))(p));
      return work(jax, () => gradient(x.ref, w.ref, dy.ref));
    },
    "conv-grad-weight"() {
      const [x, w, dy] = operands();
      const gradient = jit((p, q, g) => grad((z) => np.sum(conv(q.ref, z).mul(g.ref)))(p));
      return work(jax, () => gradient(w.ref, x.ref, dy.ref));
    },
  };
}

function smallCnn(jax) {
  const { numpy: np, lax, nn, jit, grad } = jax;
  const { epsilon, stepSize, pgdSteps, learningRate, momentum } = settings;
  const prefix = "small-cnn/";
  const names = namesUnder(prefix).map((name) => name.slice(prefix.length));
  const fresh = () => Object.fromEntries(names.map((name) => [name, load(jax, prefix + name)]));
  const kept = (p) => Object.fromEntries(names.map((name) => [name, p[name].ref]));
  const images = () => ({ x: load(jax, "images/x"), target: nn.oneHot(load(jax, "images/labels").astype(np.int32), 10) });

  /** Uses up `p` and `z`. */
  const logits = (p, z) => {
    const conv = (from, name, k) => nn.relu(lax.convGeneralDilated(from, p[`${name}.weight`], [1, 1], "SAME").add(p[`${name}.bias`].reshape([1, k, 1, 1])));
    const dense = (from, name) => np.matmul(from, p[`${name}.weight`].transpose()).add(p[`${name}.bias`]);
    const n = z.shape[0];
    const pooled = np.max(conv(conv(z, "conv1", 32), "conv2", 64).reshape([n, 64, 14, 2, 14, 2]), [3, 5]);
    return dense(nn.relu(dense(pooled.reshape([n, 64 * 14 * 14]), "fc1")), "fc2");
  };
  const lossOfEach = (p, z, y) => np.sum(nn.logSoftmax(logits(p, z)).mul(y), 1).neg();
  const loss = (p, z, y) => np.mean(lossOfEach(p, z, y));

  return {
    "small-cnn-forward"() {
      const [p, { x }] = [fresh(), images()];
      const forward = jit(logits);
      return work(jax, () => forward(kept(p), x.ref));
    },
    "small-cnn-pgd"() {
      const [p, { x, target }] = [fresh(), images()];
      const step = jit((q, z, clean, y) => {
        const gradient = grad((at) => loss(kept(q), at, y.ref))(z.ref);
        const moved = z.add(np.sign(gradient).mul(stepSize));
        return np.clip(np.minimum(np.maximum(moved, clean.ref.sub(epsilon)), clean.add(epsilon)), 0, 1);
      });
      const attack = work(jax, () => {
        let z = x.ref;
        for (let i = 0; i < pgdSteps; i++) z = step(kept(p), z, x.ref, target.ref);
        return z;
      });
      return { ...attack, output: (z) => lossOfEach(kept(p), z.ref, target.ref).data() };
    },
    "small-cnn-ig"() {
      const [p, { x, target }] = [fresh(), images()];
      const [image, chosen] = [x.slice([0, 1]), target.slice([0, 1])];
      const [alphas, weights] = [load(jax, "path/alphas"), load(jax, "path/weights")].map((t) => t.reshape([-1, 1, 1, 1]));
      const map = jit((q, one, alpha, weight, y) => {
        const gradient = grad((z) => np.sum(logits(kept(q), z).mul(y.ref)))(one.ref.mul(alpha));
        return np.sum(gradient.mul(weight), 0).mul(one);
      });
      return work(jax, () => map(kept(p), image.ref, alphas.ref, weights.ref, chosen.ref));
    },
    "small-cnn-train"() {
      const { x, target } = images();
      let p = fresh();
      let velocity = Object.fromEntries(names.map((name) => [name, np.zeros(p[name].shape)]));
      const before = fresh();
      const step = jit((q, v, z, y) => {
        const gradient = grad((at) => loss(at, z.ref, y.ref))(kept(q));
        const next = Object.fromEntries(names.map((name) => [name, v[name].mul(momentum).add(gradient[name])]));
        return [Object.fromEntries(names.map((name) => [name, q[name].sub(next[name].ref.mul(learningRate))])), next];
      });
      const all = () => [...Object.values(p), ...Object.values(velocity)];
      const training = work(jax, () => {
        [p, velocity] = step(p, velocity, x.ref, target.ref);
        return np.sum(p["fc2.bias"].ref);
      }, all);
      return { ...training, output: () => np.concatenate(names.map((name) => before[name].ref.sub(p[name].ref).mul(1 / learningRate).flatten())).data() };
    },
  };
}

await serve(open);

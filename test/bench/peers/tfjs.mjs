/** TensorFlow.js. Arguments: folder of inputs, backend (webgpu or wasm), part of the adapter's name. */
import { createRequire } from "node:module";
import { dirname } from "node:path";

import { provideWebGpu } from "./dawn.mjs";
import { input, namesUnder, serve, settings } from "./protocol.mjs";

const [, backend, adapterName] = process.argv.slice(2);
const require = createRequire(import.meta.url);

async function open() {
  const adapter = backend === "webgpu" ? await provideWebGpu(adapterName) : undefined;
  const tf = require("@tensorflow/tfjs");
  const module = require(`@tensorflow/tfjs-backend-${backend}`);
  if (backend === "wasm") module.setWasmPaths(`${dirname(require.resolve("@tensorflow/tfjs-backend-wasm"))}/`);
  if (!(await tf.setBackend(backend))) throw new Error(`backend ${backend} could not be started`);
  await tf.ready();
  return { engine: `tfjs ${tf.version.tfjs} ${backend}${adapter ? ` on ${adapter}` : ""}`, cases: { ...operators(tf), ...smallCnn(tf) } };
}

/** NHWC and HWIO, the only layouts that all of its kernels have. */
const toNhwc = [0, 2, 3, 1];
const toNchw = [0, 3, 1, 2];
const toHwio = [2, 3, 1, 0];
const toOihw = [3, 2, 0, 1];

function load(tf, name, axes) {
  const { shape, data } = input(name);
  const tensor = tf.tensor(data, shape, "float32");
  return axes ? tf.transpose(tensor, axes) : tensor;
}

/** @param {() => any} run must give one tensor @param axes from its layout to PyTorch's */
function work(tf, run, axes) {
  return {
    run: () => tf.tidy(run),
    async wait(result) {
      const sum = tf.sum(result); // the smallest thing to read that depends on all of it
      await sum.data();
      sum.dispose();
    },
    release: (result) => result.dispose(),
    async output(result) {
      const logical = axes ? tf.transpose(result, axes) : result;
      const data = await logical.data();
      if (logical !== result) logical.dispose();
      return data;
    },
  };
}

function operators(tf) {
  const kernel = (name, inputs, attributes) => tf.engine().runKernel(name, inputs, { strides: [1, 1], pad: "same", dataFormat: "NHWC", dimRoundingMode: undefined, ...attributes });
  const conv = () => ({ x: load(tf, "conv/x", toNhwc), w: load(tf, "conv/w", toHwio), dy: load(tf, "conv/dy", toNhwc) });
  return {
    "gemm"() {
      const [a, b] = [load(tf, "gemm/a"), load(tf, "gemm/b")];
      return work(tf, () => tf.matMul(a, b));
    },
    "conv-forward"() {
      const { x, w } = conv();
      return work(tf, () => tf.conv2d(x, w, 1, "same"), toNchw);
    },
    "conv-grad-input"() {
      const { x, w, dy } = conv();
      return work(tf, () => kernel("Conv2DBackpropInput", { dy, filter: w }, { inputShape: x.shape }), toNchw);
    },
    "conv-grad-weight"() {
      const { x, w, dy } = conv();
      return work(tf, () => kernel("Conv2DBackpropFilter", { x, dy }, { filterShape: w.shape }), toOihw);
    },
  };
}

function smallCnn(tf) {
  const { epsilon, stepSize, pgdSteps, learningRate, momentum } = settings;
  const logits = (p, z) => {
    const conv = (from, name) => tf.relu(tf.add(tf.conv2d(from, p[`${name}.weight`], 1, "same"), p[`${name}.bias`]));
    const dense = (from, name) => tf.add(tf.matMul(from, p[`${name}.weight`]), p[`${name}.bias`]);
    const features = tf.maxPool(conv(conv(z, "conv1"), "conv2"), 2, 2, "valid").reshape([z.shape[0], -1]);
    return dense(tf.relu(dense(features, "fc1")), "fc2");
  };
  const images = () => ({ x: load(tf, "images/x", toNhwc), target: tf.oneHot(load(tf, "images/labels").toInt(), 10).toFloat() });
  return {
    "small-cnn-forward"() {
      const [p, { x }] = [parameters(tf).fresh(), images()];
      return work(tf, () => logits(p, x));
    },
    "small-cnn-pgd"() {
      const [p, { x, target }] = [parameters(tf).fresh(), images()];
      const gradient = tf.grad((z) => tf.losses.softmaxCrossEntropy(target, logits(p, z)));
      const step = (z) => tf.tidy(() => tf.clipByValue(tf.minimum(tf.maximum(z.add(gradient(z).sign().mul(stepSize)), x.sub(epsilon)), x.add(epsilon)), 0, 1));
      const attack = work(tf, () => {
        let z = x.clone();
        for (let i = 0; i < pgdSteps; i++) z = step(z);
        return z;
      });
      return { ...attack, output: (z) => tf.tidy(() => tf.losses.softmaxCrossEntropy(target, logits(p, z), undefined, undefined, tf.Reduction.NONE)).data() };
    },
    "small-cnn-ig"() {
      const [p, { x, target }] = [parameters(tf).fresh(), images()];
      const [image, chosen] = [x.slice([0], [1]), target.slice([0], [1])];
      const [alphas, weights] = [load(tf, "path/alphas"), load(tf, "path/weights")].map((t) => t.reshape([-1, 1, 1, 1]));
      const gradient = tf.grad((z) => tf.sum(tf.mul(logits(p, z), chosen)));
      return work(tf, () => gradient(tf.mul(image, alphas)).mul(weights).sum(0).mul(image));
    },
    "small-cnn-train"() {
      const { fresh, flat } = parameters(tf);
      const [p, { x, target }] = [fresh(true), images()];
      const before = tf.tidy(() => flat(p));
      const optimiser = tf.train.momentum(learningRate, momentum);
      const training = work(tf, () => optimiser.minimize(() => tf.losses.softmaxCrossEntropy(target, logits(p, x)), true));
      return { ...training, output: () => tf.tidy(() => before.sub(flat(p)).div(learningRate)).data() };
    },
  };
}

/** The network's parameters: as this engine wants them, and back in PyTorch's shapes one after the other. */
function parameters(tf) {
  const prefix = "small-cnn/";
  const names = namesUnder(prefix).map((name) => name.slice(prefix.length));
  const convolution = (name) => input(prefix + name).shape.length === 4;
  const chw = [128, 64, 14, 14]; // what PyTorch flattens; here it is height, width, channel
  const to = (name) => tf.tidy(() => {
    if (convolution(name)) return load(tf, prefix + name, toHwio);
    if (name === "fc1.weight") return load(tf, prefix + name).reshape(chw).transpose([2, 3, 1, 0]).reshape([-1, 128]);
    return name.endsWith("weight") ? load(tf, prefix + name).transpose() : load(tf, prefix + name);
  });
  const back = (name, tensor) => {
    if (convolution(name)) return tensor.transpose(toOihw);
    if (name === "fc1.weight") return tensor.reshape([14, 14, 64, 128]).transpose([3, 2, 0, 1]);
    return name.endsWith("weight") ? tensor.transpose() : tensor;
  };
  return {
    fresh: (trained = false) => Object.fromEntries(names.map((name) => [name, trained ? tf.variable(to(name)) : to(name)])),
    flat: (p) => tf.concat(names.map((name) => back(name, p[name]).flatten())),
  };
}

await serve(open);

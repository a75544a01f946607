"""PyTorch on the processor: NCHW, as many threads as OMP_NUM_THREADS says. Argument: folder of inputs.

The same conversation as protocol.mjs; a unit's result is there when the call returns.
"""
import json
import os
import sys
import time

import numpy
import torch
import torch.nn as nn
import torch.nn.functional as F

FOLDER = sys.argv[1]
with open(os.path.join(FOLDER, "inputs.json"), encoding="utf8") as file:
    GIVEN = json.load(file)
SETTINGS, TENSORS = GIVEN["settings"], GIVEN["tensors"]


def load(name):
    data = numpy.fromfile(os.path.join(FOLDER, name + ".f32"), dtype="<f4")
    return torch.from_numpy(data.reshape(TENSORS[name]))


class SmallCnn(nn.Module):
    image_prefix, prefix = "images/", "small-cnn/"

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * 14 * 14, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Block(nn.Module):
    def __init__(self, c, k, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c, k, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(k)
        self.conv2 = nn.Conv2d(k, k, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(k)
        changes = stride != 1 or c != k
        self.shortcut = nn.Sequential(nn.Conv2d(c, k, 1, stride, bias=False), nn.BatchNorm2d(k)) if changes else nn.Identity()

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Resnet18(nn.Module):
    image_prefix, prefix = "colour/", "resnet18/"

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [64, 64, 128, 256, 512]
        for i in range(1, 5):
            stride = 1 if i == 1 else 2
            setattr(self, f"layer{i}", nn.Sequential(Block(widths[i - 1], widths[i], stride), Block(widths[i], widths[i], 1)))
        self.linear = nn.Linear(512, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))


def loaded(make):
    model = make()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(load(model.prefix + name))
    return model, load(model.image_prefix + "x"), load(model.image_prefix + "labels").long()


def work(run, output=lambda result: result):
    return run, output


def gemm():
    a, b = load("gemm/a"), load("gemm/b")
    return work(lambda: a @ b)


def conv(which):
    x, w, dy = load("conv/x"), load("conv/w"), load("conv/dy")
    if which == "forward":
        return work(lambda: F.conv2d(x, w, padding=1))
    at = ["input", "weight"].index(which)
    mask = [which == "input", which == "weight", False]
    return work(lambda: torch.ops.aten.convolution_backward(dy, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, mask)[at])


def forward(make):
    model, x, _ = loaded(make)
    model.eval()

    def run():
        with torch.no_grad():
            return model(x)

    return work(run)


def pgd(make):
    model, x, labels = loaded(make)
    model.eval()
    epsilon, step = SETTINGS["epsilon"], SETTINGS["stepSize"]

    def run():
        z = x
        for _ in range(SETTINGS["pgdSteps"]):
            z = z.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(F.cross_entropy(model(z), labels), z)
            moved = z.detach() + step * gradient.sign()
            z = torch.min(torch.max(moved, x - epsilon), x + epsilon).clamp(0, 1)
        return z

    def output(z):
        with torch.no_grad():
            return F.cross_entropy(model(z), labels, reduction="none")

    return work(run, output)


def integrated_gradients(make):
    model, x, labels = loaded(make)
    model.eval()
    image, label = x[:1], int(labels[0])
    alphas, weights = (load("path/" + name).view(-1, 1, 1, 1) for name in ("alphas", "weights"))

    def run():
        z = (alphas * image).requires_grad_(True)
        (gradient,) = torch.autograd.grad(model(z)[:, label].sum(), z)
        return (gradient * weights).sum(0) * image[0]

    return work(run)


def train(make):
    model, x, labels = loaded(make)
    model.train()
    rate = SETTINGS["learningRate"]
    optimiser = torch.optim.SGD(model.parameters(), lr=rate, momentum=SETTINGS["momentum"])
    trained = dict(model.named_parameters())
    names = [name[len(model.prefix):] for name in TENSORS if name.startswith(model.prefix)]

    def flat():
        return torch.cat([trained[name].detach().flatten() for name in names if name in trained])

    before = flat()

    def run():
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimiser.step()
        return loss

    return work(run, lambda _: (before - flat()) / rate)


CASES = {
    "gemm": gemm,
    "conv-forward": lambda: conv("forward"),
    "conv-grad-input": lambda: conv("input"),
    "conv-grad-weight": lambda: conv("weight"),
    "small-cnn-forward": lambda: forward(SmallCnn),
    "small-cnn-pgd": lambda: pgd(SmallCnn),
    "small-cnn-ig": lambda: integrated_gradients(SmallCnn),
    "small-cnn-train": lambda: train(SmallCnn),
    "resnet18-pgd": lambda: pgd(Resnet18),
    "resnet18-train": lambda: train(Resnet18),
}


MADE = {}


def answer(question):
    name = question["case"]
    if name not in CASES:
        return {"error": "not written for this engine"}
    if name not in MADE:
        MADE[name] = CASES[name]()
    run, output = MADE[name]
    if "output" in question:
        values = output(run()).detach().contiguous().numpy().astype("<f4")
        values.tofile(question["output"])
        return {"elements": values.size}
    start = time.perf_counter()
    for _ in range(question["count"]):
        run()
    return {"ms": (time.perf_counter() - start) * 1000}


def say(message):
    print(json.dumps(message), flush=True)


say({"engine": f"PyTorch {torch.__version__} CPU, {torch.get_num_threads()} threads, NCHW"})
for line in sys.stdin:
    try:
        say(answer(json.loads(line)))
    except Exception as error:  # an engine's refusal is an answer
        say({"error": str(error).split("\n")[0][:300]})

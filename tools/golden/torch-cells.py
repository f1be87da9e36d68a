#!/usr/bin/env python3
"""Golden values of the trainer's tests, computed by PyTorch (Debian: python3-torch).

    /usr/bin/python3 tools/golden/torch-cells.py > tests/EdgeRnn.Tests/Golden/torch-cells.json

Cells: a recurrent layer of 5 units on 3 inputs and a linear head of 4, run on three sequences of unequal length, each on
its own; the gradients are those of the mean cross-entropy. Optimizers: the weights after each of five steps.
"""
import json

import torch

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)
INPUTS, UNITS, CLASSES = 3, 5, 4
LENGTHS = [6, 2, 4]


def values(tensor):
    return [float("%.9g" % x) for x in tensor.detach().flatten().tolist()]


def cell(name, module):
    head = torch.nn.Linear(UNITS, CLASSES)
    for parameter in list(module.parameters()) + list(head.parameters()):
        torch.nn.init.normal_(parameter, std=0.6)
    sequences = [torch.randn(steps, 1, INPUTS) for steps in LENGTHS]
    labels = [int(x) for x in torch.randint(CLASSES, (len(LENGTHS),))]
    logits = torch.stack([head(module(x)[0][-1, 0]) for x in sequences])
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
    loss.backward()
    named = [(n.replace("_l0", ""), p) for n, p in module.named_parameters()]
    named += [("head_weight", head.weight), ("head_bias", head.bias)]
    return {
        "name": name,
        "inputs": [values(x) for x in sequences],
        "labels": labels,
        "parameters": {n: values(p) for n, p in named},
        "gradients": {n: values(p.grad) for n, p in named},
        "logits": values(logits),
        "loss": float(loss),
    }


def optimizer(name, make, rate):
    w = torch.tensor([0.5, -1.0, 2.0, 0.0, -0.25], requires_grad=True)
    rule = make([w], rate)
    steps = []
    for _ in range(5):
        rule.zero_grad()
        g = torch.randn(5)
        w.grad = g.clone()
        rule.step()
        steps.append({"gradient": values(g), "weights": values(w)})
    return {"name": name, "rate": rate, "steps": steps}


def lines(entries):
    return "[\n" + ",\n".join(json.dumps(e, separators=(",", ":")) for e in entries) + "\n]"


CELLS = [
    cell("rnn:5", torch.nn.RNN(INPUTS, UNITS)),
    cell("rnn:5:relu", torch.nn.RNN(INPUTS, UNITS, nonlinearity="relu")),
    cell("lstm:5", torch.nn.LSTM(INPUTS, UNITS)),
    cell("gru:5", torch.nn.GRU(INPUTS, UNITS)),
]
OPTIMIZERS = [
    optimizer("sgd", lambda p, r: torch.optim.SGD(p, r, momentum=0.9), 0.01),
    optimizer("rmsprop", lambda p, r: torch.optim.RMSprop(p, r, alpha=0.9, eps=1e-7), 0.001),
    optimizer("adam", lambda p, r: torch.optim.Adam(p, r), 0.001),
]
print('{"cells":' + lines(CELLS) + ',\n"optimizers":' + lines(OPTIMIZERS) + "}")

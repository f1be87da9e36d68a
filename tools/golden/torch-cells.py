#!/usr/bin/env python3
"""Golden values of the trainer's tests, computed by PyTorch (Debian: python3-torch).

    /usr/bin/python3 tools/golden/torch-cells.py > tests/EdgeRnn.Tests/Golden/torch-cells.json

Cells: a recurrent layer of 5 units on 3 inputs and a linear head of 4, run on three sequences of unequal length, each on
its own; the gradients are those of the mean cross-entropy. Optimizers: the weights after each of five steps. Losses:
cross-entropy with label smoothing and class weights, and its gradient. Schedules: factors of the learning rate at the
start of each epoch.
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


def optimizer(name, make, rate, decay=0.0):
    w = torch.tensor([0.5, -1.0, 2.0, 0.0, -0.25], requires_grad=True)
    rule = make([w], rate)
    steps = []
    for _ in range(5):
        rule.zero_grad()
        g = torch.randn(5)
        w.grad = g.clone()
        rule.step()
        steps.append({"gradient": values(g), "weights": values(w)})
    return {"name": name, "rate": rate, "decay": decay, "steps": steps}


def loss(smoothing, weights):
    logits = (3 * torch.randn(6, CLASSES)).requires_grad_()
    labels = [int(x) for x in torch.randint(CLASSES, (6,))]
    weight = torch.tensor(weights) if weights else None
    mean = torch.nn.functional.cross_entropy(
        logits, torch.tensor(labels), weight=weight, label_smoothing=smoothing)
    mean.backward()
    return {
        "smoothing": smoothing,
        "weights": weights,
        "logits": values(logits),
        "labels": labels,
        "loss": float(mean),
        "gradient": values(logits.grad),
    }


def schedule(name, make, losses):
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    scheduler = make(rule)
    factors = []
    for epoch_loss in losses:
        factors.append(rule.param_groups[0]["lr"])
        rule.step()
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            scheduler.step(epoch_loss)
        else:
            scheduler.step()
    return {"name": name, "losses": losses, "factors": [float("%.9g" % f) for f in factors]}


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
    optimizer("sgd", lambda p, r: torch.optim.SGD(p, r, momentum=0.9, weight_decay=0.1), 0.01, 0.1),
    optimizer("rmsprop", lambda p, r: torch.optim.RMSprop(p, r, alpha=0.9, eps=1e-7, weight_decay=0.1), 0.001, 0.1),
    optimizer("adam", lambda p, r: torch.optim.Adam(p, r, weight_decay=0.1), 0.001, 0.1),
    optimizer("adamw", lambda p, r: torch.optim.AdamW(p, r, weight_decay=0.1), 0.001, 0.1),
]
LOSSES = [loss(0.0, None), loss(0.1, None), loss(0.0, [0.5, 2.0, 1.0, 3.0]), loss(0.2, [0.5, 2.0, 1.0, 3.0])]
# Falls, by too little and not at all; then twice as long without a lower one as patience allows.
COURSE = [1.0, 0.7, 0.69999, 0.72, 0.65, 0.66, 0.65, 0.67, 0.68, 0.66, 0.7, 0.64, 0.7, 0.7, 0.7, 0.7]
SCHEDULES = [
    schedule("step:3:0.5", lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.5), COURSE),
    schedule("cosine", lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, len(COURSE), 0.01), COURSE),
    schedule("plateau:2:0.5", lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=2), COURSE),
    schedule("plateau:0:0.1", lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.1, patience=0, eps=0), COURSE),
]
print(
    '{"cells":' + lines(CELLS) + ',\n"optimizers":' + lines(OPTIMIZERS) + ',\n"losses":' + lines(LOSSES)
    + ',\n"schedules":' + lines(SCHEDULES) + "}")

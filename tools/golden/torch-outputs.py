#!/usr/bin/env python3
"""Golden values of networks that pool over time, read both ways or give values, computed by PyTorch (python3-torch).

    /usr/bin/python3 tools/golden/torch-outputs.py > tests/EdgeRnn.Tests/Golden/torch-outputs.json

A recurrent layer of 5 units on 3 inputs and a linear head of 4, run on three sequences of unequal length, each on its
own; between them layer normalisation, or none. Parameters and gradients are in the order of the trainer: of each
direction weight_ih, weight_hh, a bias (PyTorch's two added where they act as their sum) and for a GRU the n part of
bias_hh; then weight and bias of the normalisation and of the head.
"""
import json

import torch

torch.manual_seed(11)
torch.set_default_dtype(torch.float64)
INPUTS, UNITS, OUTPUTS = 3, 5, 4
LENGTHS = [6, 2, 4]


def values(tensor):
    return [float("%.9g" % x) for x in tensor.detach().flatten().tolist()]


def pooled(module, norm, x, pool):
    y, state = module(x)
    if norm is not None:
        y = norm(y)
    if pool == "last" and norm is not None:
        # What each direction ends with, of the normalised outputs.
        return torch.cat([y[-1, 0, :UNITS], y[0, 0, UNITS:]])[None]
    if pool == "last":
        h = state[0] if isinstance(state, tuple) else state
        return torch.cat(list(h[:, 0]))[None]
    y = y[:, 0]
    return {"mean": lambda: y.mean(0, keepdim=True), "max": lambda: y.max(0, keepdim=True)[0], "none": lambda: y}[pool]()


def flat(module, norm, head, of):
    parts = []
    suffixes = ["_l0", "_l0_reverse"] if module.bidirectional else ["_l0"]
    for suffix in suffixes:
        get = lambda name: of(getattr(module, name + suffix))
        parts += [get("weight_ih"), get("weight_hh")]
        bias, other = get("bias_ih").clone(), get("bias_hh")
        gru = isinstance(module, torch.nn.GRU)
        summed = 2 * UNITS if gru else len(bias)
        # The gradient of a sum is that of either part.
        if of is data:
            bias[:summed] += other[:summed]
        parts.append(bias)
        if gru:
            parts.append(other[2 * UNITS:])
    for layer in [norm, head]:
        parts += [] if layer is None else [of(layer.weight), of(layer.bias)]
    return sum((values(p) for p in parts), [])


def data(parameter):
    return parameter.detach()


def grad(parameter):
    return parameter.grad


def network(cell, make, pool, loss, both=False, eps=None):
    module = make(INPUTS, UNITS, bidirectional=both)
    head = torch.nn.Linear(UNITS * (2 if both else 1), OUTPUTS)
    for parameter in list(module.parameters()) + list(head.parameters()):
        torch.nn.init.normal_(parameter, std=0.6)
    norm = None if eps is None else torch.nn.LayerNorm(UNITS * (2 if both else 1), eps=eps)
    for parameter in [] if norm is None else norm.parameters():
        torch.nn.init.normal_(parameter, mean=0.8, std=0.6)
    sequences = [torch.randn(steps, 1, INPUTS) for steps in LENGTHS]
    rows = [steps if pool == "none" else 1 for steps in LENGTHS]
    outputs = torch.cat([head(pooled(module, norm, x, pool)) for x in sequences])
    labels = torch.randint(OUTPUTS, (sum(rows),))
    targets = torch.randn(sum(rows), OUTPUTS)
    loss_value = {
        "cross-entropy": lambda: torch.nn.functional.cross_entropy(outputs, labels),
        "mse": lambda: torch.nn.functional.mse_loss(outputs, targets),
        "mae": lambda: torch.nn.functional.l1_loss(outputs, targets),
    }[loss]()
    loss_value.backward()
    return {
        "net": f"{cell}:{UNITS}{':bi' if both else ''}{NORMS[eps]},pool:{pool},dense:{OUTPUTS}",
        "loss_kind": loss,
        "inputs": [values(x) for x in sequences],
        "labels": labels.tolist(),
        "targets": values(targets),
        "parameters": flat(module, norm, head, data),
        "gradients": flat(module, norm, head, grad),
        "outputs": values(outputs),
        "loss": float(loss_value),
    }


NORMS = {None: "", 1e-5: ",norm", 0.01: ",norm:eps=0.01"}
NETWORKS = [
    network("lstm", torch.nn.LSTM, "last", "cross-entropy", both=True),
    network("gru", torch.nn.GRU, "mean", "cross-entropy", both=True),
    network("rnn", torch.nn.RNN, "max", "cross-entropy", both=True),
    network("gru", torch.nn.GRU, "max", "cross-entropy"),
    network("lstm", torch.nn.LSTM, "mean", "mse"),
    network("gru", torch.nn.GRU, "none", "cross-entropy"),
    network("rnn", torch.nn.RNN, "none", "mse", both=True),
    network("lstm", torch.nn.LSTM, "last", "mae"),
    network("gru", torch.nn.GRU, "last", "cross-entropy", eps=1e-5),
    network("lstm", torch.nn.LSTM, "last", "cross-entropy", both=True, eps=1e-5),
    network("rnn", torch.nn.RNN, "mean", "mse", both=True, eps=0.01),
    network("gru", torch.nn.GRU, "none", "mse", eps=0.01),
]
print("[\n" + ",\n".join(json.dumps(n, separators=(",", ":")) for n in NETWORKS) + "\n]")

#!/usr/bin/env python3
"""Networks of PyTorch's exporter with readings and the outputs PyTorch gives (Debian: python3-torch, python3-onnx).

    /usr/bin/python3 tools/golden/torch-onnx.py tests/EdgeRnn.Tests/Golden/onnx

Writes NAME.onnx and NAME.json for each network: readings [sequences, steps, channels] and outputs
[sequences, units], or [sequences, steps, units] of a head on each step.
"""
import json
import os
import sys
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
CHANNELS, UNITS, CLASSES, STEPS, SEQUENCES = 3, 6, 4, 9, 6


class Network(nn.Module):
    def __init__(self, cell, head, batch_first=True, layers=1, bidirectional=False, tail=None, **options):
        super().__init__()
        self.batch_first, self.head, self.bidirectional = batch_first, head, bidirectional
        self.norm = nn.BatchNorm1d(CHANNELS) if head == "norm" else None
        self.rnn = cell(CHANNELS, UNITS, num_layers=layers, batch_first=batch_first, bidirectional=bidirectional, **options)
        width = UNITS * (2 if bidirectional else 1)
        self.dense = tail or nn.Linear(width, CLASSES)
        if self.norm is not None:
            self.after = nn.BatchNorm1d(width)

    def forward(self, x):
        time = 1 if self.batch_first else 0
        if self.norm is not None:
            x = self.norm(x.transpose(1, 2)).transpose(1, 2)
        y, state = self.rnn(x)
        h = state[0] if isinstance(state, tuple) else state
        if self.head == "last":
            y = y[:, -1] if self.batch_first else y[-1]
        elif self.head == "slice":
            y = y[:, -1:, :].flatten(1)
        elif self.head == "state":
            y = torch.cat([h[-2], h[-1]], 1) if self.bidirectional else h[-1]
        elif self.head == "mean":
            y = y.mean(time)
        elif self.head == "max":
            y = y.max(time)[0]
        elif self.head == "pool":
            y = nn.functional.adaptive_avg_pool1d(y.transpose(1, 2), 1).flatten(1)
        elif self.head == "norm":
            y = self.after(y[:, -1])
        return self.dense(y)


def mlp(width=UNITS, *end):
    return nn.Sequential(nn.Linear(width, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, CLASSES), *end)


NETWORKS = {
    "lstm-last": Network(nn.LSTM, "last"),
    "gru-last": Network(nn.GRU, "last"),
    "rnn-last": Network(nn.RNN, "last"),
    "rnn-relu-last": Network(nn.RNN, "last", nonlinearity="relu"),
    "lstm-two-mean": Network(nn.LSTM, "mean", layers=2),
    "gru-two-last-steps-first": Network(nn.GRU, "last", batch_first=False, layers=2),
    "rnn-two-mean-steps-first": Network(nn.RNN, "mean", batch_first=False, layers=2),
    "lstm-bi-state": Network(nn.LSTM, "state", bidirectional=True),
    "gru-bi-two-mean": Network(nn.GRU, "mean", layers=2, bidirectional=True),
    "rnn-bi-last-steps-first": Network(nn.RNN, "last", batch_first=False, bidirectional=True),
    "lstm-bi-two-last": Network(nn.LSTM, "last", layers=2, bidirectional=True),
    "lstm-max": Network(nn.LSTM, "max"),
    "gru-pool": Network(nn.GRU, "pool"),
    "lstm-slice": Network(nn.LSTM, "slice", layers=2, dropout=0.3),
    "gru-steps": Network(nn.GRU, "steps"),
    "lstm-state-softmax": Network(nn.LSTM, "state", layers=2, tail=nn.Sequential(nn.Linear(UNITS, CLASSES), nn.Softmax(1))),
    "gru-mlp-logsoftmax": Network(nn.GRU, "last", tail=mlp(UNITS, nn.LogSoftmax(1))),
    "lstm-norm": Network(nn.LSTM, "norm"),
    "gru-one-sigmoid": Network(nn.GRU, "last", tail=nn.Sequential(nn.Linear(UNITS, 1), nn.Sigmoid())),
    "rnn-nobias-last": Network(nn.RNN, "last", bias=False),
}
# As PyTorch's users do it, in three ways: any number of steps, a fixed one, an old set of operators.
FIXED = {"lstm-two-mean", "rnn-bi-last-steps-first", "lstm-max"}
OLD = {"rnn-last": 9, "lstm-state-softmax": 11, "lstm-bi-two-last": 16}

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
for index, (name, network) in enumerate(NETWORKS.items()):
    torch.manual_seed(100 + index)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.5)
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm1d)):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.3, 3)
        norm.weight.data.uniform_(0.3, 2)
    network.eval()
    x = torch.randn(SEQUENCES, STEPS, CHANNELS)
    one = x[:1] if network.batch_first else x[:1].transpose(0, 1)
    free = None if name in FIXED else {"readings": {0: "batch", 1: "steps"} if network.batch_first else {0: "steps", 1: "batch"}}
    torch.onnx.export(
        network, one, os.path.join(folder, name + ".onnx"), opset_version=OLD.get(name, 13), dynamic_axes=free,
        input_names=["readings"], output_names=["outputs"])
    with torch.no_grad():
        y = network(x if network.batch_first else x.transpose(0, 1))
    if network.head == "steps" and not network.batch_first:
        y = y.transpose(0, 1)

    def values(tensor):
        return [float("%.9g" % v) for v in tensor.flatten().tolist()]

    with open(os.path.join(folder, name + ".json"), "w") as file:
        json.dump({"shape": list(x.shape), "readings": values(x), "outputs": values(y)}, file, separators=(",", ":"))
        file.write("\n")

"""The worker: loads a student's definitions and answers the judge's questions about them.

It measures and reports; it never grades. It runs in the same process as untrusted code, so it imports
nothing of this project outside this folder: only the standard library and torch. There is no answer or
tolerance here to find.

The judge writes *requests* to one pipe and reads *replies* from another; both use the frames of ``wire``.
While a request is open, the worker may send *callbacks* (a test double was called) and block until the
*answer* arrives. Before it answers, the judge may send requests of its own, each with its reply; these
leave random number generators and train/eval modes as they were.

Before it reads anything, the worker locks itself into its sandbox layers (see ``walls``) and sends a *hello*:
``{"layers": [str]}``, or ``{"failed": str, "why": str}``, after which it exits.

Headers are literal data with a fixed set of verbs, events, and loss and optimizer names. Nothing that
student code sends selects code in the judge. A request's header::

    {"verb": "load",     "statements": [{"source", "cell", "line", "flags", "binds"}, ...],
                         "modules": {name: [statement, ...]},      local modules, beside the notebook
                         "files": {path: str},            files that cells of the notebook write
                         "device": "cpu", "threads": 1, "gpu_share": float, "seed": int}
    {"verb": "data",     "name": str, "images": VALUE, "labels": VALUE}
                                       what the torchvision dataset class of this name will hold
    {"verb": "call",     "target": TARGET, "method": str | null, "args": [VALUE], "kwargs": {str: VALUE},
                         "seed": int | null, "grad": bool, "keep": bool}
    {"verb": "get",      "target": TARGET, "name": str}                      read an attribute
    {"verb": "set",      "target": TARGET, "name": str, "value": VALUE}      set an attribute
    {"verb": "describe", "target": TARGET}         its class, argument names, number of parameters
    {"verb": "perturb",  "target": TARGET, "seed": int, "scale": float}      add noise to every parameter
    {"verb": "weights",  "target": TARGET, "content": VALUE, "keys": [str]}
                                       load a checkpoint's bytes; ``keys`` are further names that its state
                                       dict may be stored under
    {"verb": "state",    "target": TARGET, "most": int}      state dict as a file's bytes, at most ``most``
    {"verb": "optimizer", "target": TARGET, "name": "adam" | "sgd", "lr": float, "keep": true}
    {"verb": "criterion", "name": CRITERION, "keep": true}
    {"verb": "fit",      "target": TARGET, "optimizer": TARGET, "criterion": CRITERION, "args": [VALUE],
                         "goal": VALUE, "seed": int}         one training step; replies with the loss
    {"verb": "record",   "target": TARGET, "args": [VALUE], "seed": int, "grad": bool}
                                       what a network computes, as data; see ``recording``
    {"verb": "replay",   "graph": str, "constants": VALUE, "args": [VALUE], "shifted": [VALUE],
                         "full": int, "seed": int}
                                       what a recorded graph computes; asked of a worker that has loaded no
                                       student code; see ``patching``

    TARGET = {"name": str} in the student's namespace ("" is the namespace itself, "a.b" an attribute), or
             {"handle": int}, an object kept by an earlier request
    CRITERION = "mse" | "l1" | "cross_entropy"
    "keep" leaves the result in the worker and replies with its handle.
    VALUE  = null, bool, int, float, str, [VALUE] and
             {"tensor": index, "on": "cpu"}     the index-th tensor of this frame ("on" pins it to the CPU)
             {"tuple": [VALUE], "names": [str]} ("names" only for a named tuple)
             {"dict": [[VALUE, VALUE]]}  {"float": "nan" | "inf" | "-inf"}
             {"namespace": [[str, VALUE]]}      an object with these attributes (judge to worker only)
             {"device": true}                   the device in use
             {"handle": int, "type": str}       an object that stays in the worker
             {"double": id, "kind": str, ...}   a test double, played by the judge; see ``doubles``

A reply's header is ``{"value": VALUE, "attached": bool}``, where ``attached`` means that a returned tensor
requires grad, or ``{"raised": {"type", "message", "cell", "line", "during", "path", "ours"}}``, with an
exception; ``ours`` says that no student code took part in it. ``"notices": [str]`` beside either are
sentences for the report. A callback's header is ``{"double": id, "event": str, "args": [VALUE], "kwargs":
{...}, "state": {...}}``; its answer is ``{"value": VALUE}``, ``{"stop": true}`` (the loader is exhausted)
or ``{"raise": {"type", "message"}}``.
"""

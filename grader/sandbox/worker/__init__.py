"""The worker: runs a student's definitions and answers questions about them. It judges nothing.

It imports the standard library and torch, and nothing else of this project, so that there is nothing here to
spy on. The judge starts it, writes *requests* to it and reads *replies*; while a request is open, the worker
may send *callbacks* (a stand-in was called) and then waits for the *answer*. The judge may have requests of
its own before it answers, each with its reply; they leave random numbers and modes as they were. Both
directions use the frames of ``wire``.

Before all else the worker walls itself in (see ``walls``) and says so in a *hello*: ``{"layers": [str]}``, or
``{"failed": str, "why": str}``, after which it ends.

A request's header::

    {"verb": "load",     "statements": [{"source", "cell", "line"}, ...], "device": "cpu", "threads": 1,
                         "gpu_share": float,
                         "modules": {name: [statement, ...]}}        those beside the notebook
    {"verb": "data",     "images": VALUE, "labels": VALUE}       what torchvision's MNIST will serve
    {"verb": "call",     "target": TARGET, "method": str | null, "args": [VALUE], "kwargs": {str: VALUE},
                         "seed": int | null, "grad": bool, "keep": bool}
    {"verb": "get",      "target": TARGET, "name": str}
    {"verb": "set",      "target": TARGET, "name": str, "value": VALUE}
    {"verb": "describe", "target": TARGET}         its class, argument names, number of parameters
    {"verb": "shake",    "target": TARGET, "seed": int, "scale": float}      moves every parameter a little
    {"verb": "weights",  "target": TARGET, "content": VALUE}                 loads a file's bytes
    {"verb": "state",    "target": TARGET, "most": int}      its weights as bytes of a file, at most so many
    {"verb": "optimizer", "target": TARGET, "lr": float, "keep": true}       Adam over its parameters
    {"verb": "criterion", "keep": true}                                      mean squared error
    {"verb": "fit",      "target": TARGET, "optimizer": TARGET, "args": [VALUE], "goal": VALUE, "seed": int}
                                                                             one step, in training mode
    {"verb": "pathways", "target": TARGET, "args": [VALUE], "shifted": [VALUE], "full": int}  see ``pathways``

    TARGET = {"name": str} in the student's namespace ("" is that itself), or {"handle": int}, an object
    kept from before
    "keep" leaves the result in the worker and replies with its handle.
    VALUE  = null, bool, int, float, str, [VALUE] and
             {"tensor": index, "on": "cpu"}     the index-th tensor of this frame ("on" only where it matters)
             {"tuple": [VALUE], "names": [str]} ("names" only of a named tuple)
             {"dict": [[VALUE, VALUE]]}  {"float": "nan" | "inf" | "-inf"}
             {"namespace": [[str, VALUE]]}      an object with these attributes (only to the worker)
             {"device": true}                   the device in use
             {"handle": int, "type": str}       an object that stays in the worker
             {"double": id, "kind": str, ...}   a stand-in whose behaviour lives in the judge; see ``doubles``

A reply's header is ``{"value": VALUE, "attached": bool}``, where ``attached`` says that a returned tensor
still hangs on an autograd graph, or ``{"raised": {"type", "message", "cell", "line", "during"}}``: the
student's code raised. ``"notices": [str]`` beside either are sentences for the report. A callback's header is
``{"double": id, "event": str, "args": [VALUE], "kwargs": {...}, "state": {...}}``; its answer
``{"value": VALUE}``, ``{"stop": true}`` (the loader is exhausted) or ``{"raise": {"type", "message"}}``.
"""

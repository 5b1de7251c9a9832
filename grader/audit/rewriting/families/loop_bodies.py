"""Bodies of loops and ends of functions in functions of their own; generators that feed loops."""

from __future__ import annotations

import re

import libcst as cst

from grader.audit.rewriting.draft import Draft, transformation
from grader.audit.rewriting.replacing import replace_one
from grader.audit.rewriting.trees import (
    BLANK,
    Definition,
    block,
    body_of,
    code,
    contains,
    definitions,
    names_in,
    replaced,
    rewrite,
    statements,
    with_body,
)

_LEAVES = (cst.Break, cst.Continue, cst.Return, cst.Yield, cst.Global, cst.Nonlocal, cst.Lambda)


def _bound(node: cst.CSTNode) -> set[str]:
    """Return the names that statements bind, without those of functions and comprehensions inside."""
    found: set[str] = set()

    class Bindings(cst.CSTVisitor):
        def _add(self, target: cst.CSTNode) -> None:
            if isinstance(target, cst.Name):
                found.add(target.value)
            elif isinstance(target, cst.Tuple | cst.List):
                for each in target.elements:
                    self._add(each.value)

        def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
            self._add(node.target)

        def visit_AugAssign(self, node: cst.AugAssign) -> None:
            self._add(node.target)

        def visit_For(self, node: cst.For) -> None:
            self._add(node.target)

        def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
            self._add(node.target)

        def visit_AsName(self, node: cst.AsName) -> None:
            self._add(node.name)

        def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
            found.add(node.name.value)
            return False

    node.visit(Bindings())
    return found


@transformation("loop_bodies")
def loop_body_as_function(draft: Draft) -> bool:
    """A function for the body of a loop, called in a loop, by ``map`` or ``functools.reduce``."""
    for definition in definitions(draft):
        loops = [
            each
            for each in _inner(definition.function, cst.For)
            if each.orelse is None
            and isinstance(each.body, cst.IndentedBlock)
            and not contains(each, _LEAVES)
        ]
        draft.rng.shuffle(loops)
        for loop in loops:
            source = _with_step(draft, definition, loop)
            if source is not None:
                draft.cells[definition.cell] = replaced(definition.module, loop, *statements(source))
                return True
    return False


def _inner(node: cst.CSTNode, kind: type) -> list[cst.For]:
    found: list[cst.For] = []

    class Collect(cst.CSTVisitor):
        def on_visit(self, each: cst.CSTNode) -> bool:
            if isinstance(each, kind):
                found.append(each)  # type: ignore[arg-type]
            return each is node or not isinstance(each, cst.FunctionDef | cst.ClassDef | cst.Lambda)

    node.visit(Collect())
    return found


def _with_step(draft: Draft, definition: Definition, loop: cst.For) -> str | None:
    step = draft.fresh("step", "one_step", "do", "body", "process")
    own = _bound(loop.body)
    elsewhere = cst.ensure_type(
        definition.function.deep_replace(loop, cst.SimpleStatementLine([cst.Pass()])), cst.FunctionDef
    )
    parameters = set(definition.parameters)
    shared = own & (_bound(elsewhere.body) | parameters)
    target = code(loop.target)
    simple = isinstance(loop.target, cst.Name)
    if shared & (_bound(loop) - own):  # the loop's variable is used elsewhere, too
        return None
    argument = target if simple else draft.fresh("batch", "item", "given")
    lines = [f"nonlocal {', '.join(sorted(shared))}"] if shared else []
    lines += [] if simple else [f"{target} = {argument}"]
    function = block(f"def {step}({argument}):", "\n".join([*lines, body_of(loop)]))  # type: ignore[arg-type]
    over = code(loop.iter)
    calls = (
        f"for {argument} in {over}:\n    {step}({argument})",
        f"list(map({step}, {over}))",
        f"[{step}({argument}) for {argument} in {over}]",
        f"any({step}({argument}) for {argument} in {over})",
        f"__import__('functools').reduce(lambda _, item: {step}(item), {over}, None)",
        f"__import__('collections').deque(map({step}, {over}), maxlen=0)",
    )
    return f"{function}\n{draft.rng.choice(calls)}\n"


@transformation("loop_bodies")
def end_as_function(draft: Draft) -> bool:
    """Move the last statements of a function into another, which is given all that it needs."""
    for definition in definitions(draft):
        body = list(definition.function.body.body)
        places = [n for n in range(1, len(body)) if not isinstance(body[n - 1], cst.FunctionDef)]
        if not definition.is_plain or not places or definition.name == "__init__":
            continue
        place = draft.rng.choice(places)
        head, tail = BLANK.with_changes(body=body[:place]), BLANK.with_changes(body=body[place:])
        if "super(" in tail.code or "nonlocal" in head.code or contains(head, (cst.Yield, cst.Del)):
            continue
        if contains(tail, (cst.Yield,)) or "locals()" in tail.code:
            continue
        known = [*definition.parameters, *sorted(_bound(head) - set(definition.parameters))]
        needed = [name for name in known if name in names_in(tail) | _bound(tail)]
        name = draft.fresh("finish", "rest", "continue_", "compute", "_inner")
        by_name = ", ".join(f"{each}={each}" for each in needed)
        given = by_name if draft.rng.random() < 0.3 else ", ".join(needed)
        function = with_body(definition.function, f"{head.code}\nreturn {name}({given})")
        cell = definition.cell
        draft.cells[cell] = replaced(definition.module, definition.function, function)
        draft.add_first(block(f"def {name}({', '.join(needed)}):", tail.code))
        return True
    return False


@transformation("loop_bodies")
def countdown_from_generator(draft: Draft) -> bool:
    """A generator function, or a class with ``__iter__``, that counts down."""
    name = draft.fresh("countdown", "steps_back", "reverse_steps")
    source = draft.rng.choice(
        (
            "def {name}(n):\n    while n > 0:\n        n -= 1\n        yield n",
            "def {name}(n):\n    yield from reversed(range(n))",
            "class {name}:\n    def __init__(self, n):\n        self.n = n\n\n    def __len__(self):\n"
            "        return self.n\n\n    def __iter__(self):\n"
            "        return iter(range(self.n - 1, -1, -1))",
            "class {name}:\n    def __init__(self, n):\n        self.n = n\n\n    def __len__(self):\n"
            "        return self.n\n\n    def __getitem__(self, i):\n        if i >= self.n:\n"
            "            raise IndexError(i)\n        return self.n - 1 - i",
        )
    )

    def change(node: cst.Call) -> str | None:
        down = re.fullmatch(r"range\((\w+) - 1, -1, -1\)|reversed\(range\((?:0, )?(\w+)\)\)", code(node))
        return None if down is None else f"{name}({down[1] or down[2]})"

    if not rewrite(draft, cst.Call, change):
        return False
    draft.add_first(source.format(name=name))
    return True


@transformation("loop_bodies")
def batches_from_generator(draft: Draft) -> bool:
    """A generator function, or a class with ``__iter__``, around what a loop runs over."""
    name = draft.fresh("batches", "stream", "each_batch", "prefetched")
    source = draft.rng.choice(
        (
            "def {name}(items):\n    for item in items:\n        yield item",
            "def {name}(items):\n    yield from items",
            "def {name}(items):\n    items = iter(items)\n    for item in items:\n        yield item\n",
            "class {name}:\n    def __init__(self, items):\n        self.items = items\n\n"
            "    def __len__(self):\n        return len(self.items)\n\n"
            "    def __iter__(self):\n        for item in self.items:\n            yield item",
            "class {name}:\n    def __init__(self, items):\n        self.items = iter(items)\n\n"
            "    def __iter__(self):\n        return self\n\n"
            "    def __next__(self):\n        return next(self.items)",
            "def {name}(items):\n    waiting = []\n    for item in items:\n        waiting.append(item)\n"
            "        if len(waiting) > 1:\n            yield waiting.pop(0)\n    yield from waiting",
        )
    )

    def change(node: cst.For) -> str | None:
        if node.orelse is not None or not isinstance(node.target, cst.Tuple):
            return None
        if not isinstance(node.body, cst.IndentedBlock):
            return None
        return block(f"for {code(node.target)} in {name}({code(node.iter)}):", body_of(node))  # type: ignore[arg-type]

    if not replace_one(draft, cst.For, change):
        return False
    draft.add_first(source.format(name=name))
    return True


@transformation("loop_bodies")
def comprehension_otherwise(draft: Draft) -> bool:
    """A generator expression, ``map`` or unpacking in place of a list comprehension."""
    variant = draft.rng.randrange(3)

    def change(node: cst.ListComp) -> str | None:
        loop = node.for_in
        inside = f"{code(node.elt)} {code(loop).strip()}"
        mapped = f"list(map(lambda {code(loop.target)}: {code(node.elt)}, {code(loop.iter)}))"
        simple = isinstance(loop.target, cst.Name) and loop.inner_for_in is None and not loop.ifs
        forms = (f"list({inside})", f"[*({inside})]", mapped if simple else f"list({inside})")
        return forms[variant]

    return rewrite(draft, cst.ListComp, change)

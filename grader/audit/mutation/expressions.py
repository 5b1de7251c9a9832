"""Mutation operators for expressions: operators, operands, constants, indices, calls and their arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import libcst as cst

from grader.audit.mutation.edit import Proposal

# Each name with those that are mistaken for it. They are names of PyTorch, NumPy and Python itself.
_LOOK_ALIKES: Mapping[str, tuple[str, ...]] = {
    "sqrt": ("square", "rsqrt", "exp"),
    "square": ("sqrt",),
    "rsqrt": ("sqrt",),
    "exp": ("log",),
    "cumprod": ("cumsum",),
    "cumsum": ("cumprod",),
    "sum": ("mean",),
    "mean": ("sum",),
    "prod": ("sum",),
    "randn": ("rand", "zeros", "ones"),
    "randn_like": ("rand_like", "zeros_like", "ones_like"),
    "rand_like": ("randn_like",),
    "standard_normal": ("random",),
    "zeros": ("ones",),
    "ones": ("zeros",),
    "zeros_like": ("ones_like", "randn_like"),
    "ones_like": ("zeros_like",),
    "eval": ("train",),
    "no_grad": ("enable_grad",),
    "inference_mode": ("enable_grad",),
    "min": ("max",),
    "max": ("min",),
    "clamp_min": ("clamp_max",),
    "minimum": ("maximum",),
    "maximum": ("minimum",),
    "floor": ("ceil",),
    "sin": ("cos",),
    "cos": ("sin",),
    "relu": ("sigmoid", "tanh"),
    "silu": ("sigmoid",),
    "ReLU": ("Sigmoid", "Identity"),
    "SiLU": ("Sigmoid",),
    "Identity": ("ReLU", "Sigmoid"),
    "MaxPool2d": ("AvgPool2d",),
    "mse_loss": ("l1_loss",),
    "long": ("float",),
    "float": ("long",),
    "float32": ("int64", "float16"),
    "int64": ("float32",),
    "reversed": ("list",),
    "append": ("extend",),
}
_ARITHMETIC: Mapping[type[cst.BaseBinaryOp], tuple[type[cst.BaseBinaryOp], ...]] = {
    cst.Add: (cst.Subtract, cst.Multiply),
    cst.Subtract: (cst.Add,),
    cst.Multiply: (cst.Divide, cst.Add),
    cst.Divide: (cst.Multiply, cst.FloorDivide),
    cst.FloorDivide: (cst.Divide,),
    cst.Power: (cst.Multiply,),
    cst.Modulo: (cst.FloorDivide,),
}
_COMPARISONS: Mapping[type[cst.BaseCompOp], tuple[type[cst.BaseCompOp], ...]] = {
    cst.LessThan: (cst.LessThanEqual, cst.GreaterThan),
    cst.LessThanEqual: (cst.LessThan,),
    cst.GreaterThan: (cst.GreaterThanEqual, cst.LessThan),
    cst.GreaterThanEqual: (cst.GreaterThan,),
    cst.Equal: (cst.NotEqual,),
    cst.NotEqual: (cst.Equal,),
}
_SHAPING = frozenset({"view", "reshape", "permute", "expand", "repeat", "transpose", "randn", "zeros"})


def proposals(node: cst.CSTNode) -> Iterator[Proposal]:
    """Yield every edit of one expression."""
    for kind, propose in _OPERATORS:
        if isinstance(node, kind):
            yield from propose(node)


def _arithmetic(node: cst.BinaryOperation) -> Iterator[Proposal]:
    for other in _ARITHMETIC.get(type(node.operator), ()):
        yield Proposal("operator", node, _in_parentheses(node.with_changes(operator=other())))
    if not isinstance(node.operator, cst.Multiply | cst.Add):
        swapped = node.with_changes(left=_in_parentheses(node.right), right=_in_parentheses(node.left))
        yield Proposal("operands exchanged", node, _in_parentheses(swapped))
    yield Proposal("operand dropped", node, _in_parentheses(node.left))
    yield Proposal("operand dropped", node, _in_parentheses(node.right))
    for side in ("left", "right"):
        inner = getattr(node, side)
        if isinstance(inner, cst.BinaryOperation) and inner.lpar:
            yield Proposal("parentheses dropped", node, node.with_changes(**{side: _bare(inner)}))


def _negation(node: cst.UnaryOperation) -> Iterator[Proposal]:
    yield Proposal("sign", node, node.expression)


def _comparison(node: cst.Comparison) -> Iterator[Proposal]:
    target = node.comparisons[0]
    for other in _COMPARISONS.get(type(target.operator), ()):
        changed = target.with_changes(operator=other())
        yield Proposal("comparison", node, node.with_changes(comparisons=[changed, *node.comparisons[1:]]))


def _boolean(node: cst.BooleanOperation) -> Iterator[Proposal]:
    other = cst.Or() if isinstance(node.operator, cst.And) else cst.And()
    yield Proposal("condition", node, node.with_changes(operator=other))
    yield Proposal("condition", node, node.left)
    yield Proposal("condition", node, node.right)


def _conditional(node: cst.IfExp) -> Iterator[Proposal]:
    yield Proposal("condition", node, _in_parentheses(node.body))
    yield Proposal("condition", node, _in_parentheses(node.orelse))


def _integer(node: cst.Integer) -> Iterator[Proposal]:
    value = node.evaluated_value
    for other in dict.fromkeys((value + 1, value - 1, 0, 2 * value)):
        if other != value and other >= 0:
            yield Proposal("constant", node, cst.Integer(str(other)))


def _float(node: cst.Float) -> Iterator[Proposal]:
    value = node.evaluated_value
    for other in dict.fromkeys((2 * value, value / 2, 0.0, value + 1)):
        if other != value:
            yield Proposal("constant", node, cst.Float(repr(float(other))))


def _name_constant(node: cst.Name) -> Iterator[Proposal]:
    other = {"True": "False", "False": "True"}.get(node.value)
    if other:
        yield Proposal("constant", node, cst.Name(other))


def _subscript(node: cst.Subscript) -> Iterator[Proposal]:
    if len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Index):
        index = node.slice[0].slice.value
        for text in (f"({_code(index)}) - 1", f"({_code(index)}) + 1", "0", "-1"):
            yield Proposal("index", node, _with_index(node, text))
    elif len(node.slice) == 1:
        yield Proposal("index", node, node.value)  # the slice is forgotten
    else:
        parts = [part.slice for part in node.slice]
        for number in range(len(parts) - 1):
            moved = [*parts[:number], parts[number + 1], parts[number], *parts[number + 2 :]]
            elements = [cst.SubscriptElement(slice=part) for part in moved]
            yield Proposal("shape", node, node.with_changes(slice=elements))


def _with_index(node: cst.Subscript, text: str) -> cst.Subscript:
    element = cst.SubscriptElement(slice=cst.Index(value=cst.parse_expression(text)))
    return node.with_changes(slice=[element])


def _call(node: cst.Call) -> Iterator[Proposal]:
    name = _called(node)
    for other in _LOOK_ALIKES.get(name, ()):
        yield Proposal("call", node, node.with_changes(func=_renamed(node.func, other)))
    if isinstance(node.func, cst.Attribute):
        yield Proposal("call dropped", node, node.func.value)
    if len(node.args) == 1 and node.args[0].keyword is None and not node.args[0].star:
        yield Proposal("call dropped", node, _in_parentheses(node.args[0].value))
    yield from _arguments(node, name)


def _arguments(node: cst.Call, name: str) -> Iterator[Proposal]:
    plain = [argument for argument in node.args if not argument.star]
    for number, (one, other) in enumerate(zip(node.args, node.args[1:], strict=False)):
        if one.star or other.star:
            continue
        arguments = list(node.args)
        arguments[number] = one.with_changes(value=other.value)
        arguments[number + 1] = other.with_changes(value=one.value)
        operator = "shape" if name in _SHAPING else "arguments exchanged"
        yield Proposal(operator, node, node.with_changes(args=arguments))
    for number, argument in enumerate(node.args):
        if argument in plain and len(node.args) > 1:
            left = [*node.args[:number], *node.args[number + 1 :]]
            yield Proposal("argument dropped", node, node.with_changes(args=left))


def _scaled(node: cst.BinaryOperation) -> Iterator[Proposal]:
    if isinstance(node.operator, cst.Multiply):
        for factor in ("2", "0.5", "-1"):
            text = f"({factor} * {_code(node)})"
            yield Proposal("scale", node, cst.parse_expression(text))


def _tuple(node: cst.Tuple) -> Iterator[Proposal]:
    for number in range(len(node.elements) - 1):
        values = [element.value for element in node.elements]
        values[number], values[number + 1] = values[number + 1], values[number]
        elements = [
            element.with_changes(value=value) for element, value in zip(node.elements, values, strict=True)
        ]
        yield Proposal("elements exchanged", node, node.with_changes(elements=elements))


def _list(node: cst.List) -> Iterator[Proposal]:
    for number in range(len(node.elements)):
        values = [element.value for element in node.elements]
        twice = [values[number - 1] if at == number else value for at, value in enumerate(values)]
        if len(values) > 1:
            elements = [cst.Element(value) for value in twice]
            yield Proposal("element repeated", node, node.with_changes(elements=elements))


_OPERATORS: Sequence[tuple[type[cst.CSTNode], Callable[..., Iterator[Proposal]]]] = (
    (cst.BinaryOperation, _arithmetic),
    (cst.BinaryOperation, _scaled),
    (cst.UnaryOperation, _negation),
    (cst.Comparison, _comparison),
    (cst.BooleanOperation, _boolean),
    (cst.IfExp, _conditional),
    (cst.Integer, _integer),
    (cst.Float, _float),
    (cst.Name, _name_constant),
    (cst.Subscript, _subscript),
    (cst.Call, _call),
    (cst.Tuple, _tuple),
    (cst.List, _list),
)


def _called(node: cst.Call) -> str:
    if isinstance(node.func, cst.Attribute):
        return node.func.attr.value
    return node.func.value if isinstance(node.func, cst.Name) else ""


def _renamed(function: cst.BaseExpression, name: str) -> cst.BaseExpression:
    if isinstance(function, cst.Attribute):
        return function.with_changes(attr=cst.Name(name))
    return cst.Name(name)


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _in_parentheses(node: cst.BaseExpression) -> cst.BaseExpression:
    if node.lpar or isinstance(node, cst.Name | cst.Integer | cst.Float | cst.Attribute | cst.Call):
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _bare(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.with_changes(lpar=node.lpar[1:], rpar=node.rpar[:-1])

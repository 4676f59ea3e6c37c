"""A fitted model as an ONNX graph in double precision, for onnxruntime and its like.

A table of numbers is one input, ``X``, of doubles and shape (n, p). A table that is encoded has one
input for each column, of shape (n, 1), called as the column: strings for categories of text,
doubles for all else, booleans as 0 and 1. Missing numbers are NaN and missing text is "".
The outputs are ``label``, of shape (n,), and ``probabilities``, of shape (n, K).

Each category is looked up in a table of its coefficients, in which levels that the fit refuses have
no row: ONNX calls that an error, as the model does. What is not finite, or missing where that is
refused, makes probabilities NaN, and looking up its label is an error as well.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from oddsmith.core.encoding import ColumnEncoding
from oddsmith.core.labels import quoted
from oddsmith.errors import MissingPackageError, ParameterError
from oddsmith.export.rule import LinearRule

__all__ = ["onnx_model"]

# Of 2021, so that runtimes since then read it; all operators that are used know doubles there.
_OPSET, _ML_OPSET, _IR = 15, 2, 8
_OUTPUTS = ("label", "probabilities")


def onnx_model(rule: LinearRule) -> Any:
    """Write a rule as an ONNX model.

    Parameters
    ----------
    rule : LinearRule

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    MissingPackageError
        If onnx is not installed.
    ParameterError
        If a column has the name of an output, or a name or level is not valid Unicode.
    """
    try:
        onnx = import_module("onnx")
    except ImportError:
        raise MissingPackageError(
            'to_onnx needs the package onnx; install it with: pip install "oddsmith[onnx]"'
        ) from None
    for name in rule.columns:
        _check_text(name, "a column is called")
        if not rule.plain and (name in _OUTPUTS or not name):
            raise ParameterError(
                f"a column is called {quoted(name)}, which no input of a graph can be; give other "
                "names with columns"
            )
    graph = _Graph(onnx, rule)
    graph.write()
    model = graph.model()
    onnx.checker.check_model(model)
    return model


def _check_text(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ParameterError(f"{where} {quoted(text)}, which is not valid Unicode") from None


class _Graph:
    """Nodes that are being put together."""

    def __init__(self, onnx: Any, rule: LinearRule) -> None:
        self.onnx, self.rule = onnx, rule
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.constants: list[Any] = []
        # Names of our own, which no column has.
        self.prefix = "_"
        while any(name.startswith(self.prefix) for name in (*rule.columns, *_OUTPUTS)):
            self.prefix += "_"
        coef, intercept = np.array(rule.coef), np.array(rule.intercept)
        if len(coef) == 1:  # the first of two classes has margin 0
            coef, intercept = np.vstack([0 * coef, coef]), np.append([0.0], intercept)
        # Shape (q, K).
        self.coef, self.intercept = coef.T.reshape(-1, len(rule.classes)), intercept

    def write(self) -> None:
        """Write all nodes, from the inputs to the label."""
        margins = self.constant(self.intercept[None, :])
        for part in self.plain() if self.rule.plain else self.columns():
            margins = self.node("Add", [margins, part])
        # Infinity less itself is NaN, so that no probability is told of it.
        margins = self.node("Add", [margins, self.node("Sub", [margins, margins])])
        self.node("Softmax", [margins], output="probabilities", axis=-1)
        unknown = self.node("IsNaN", [self.node("ReduceSum", [margins, self.whole([1])])])
        best = self.node("ArgMax", [margins], axis=1)
        beyond = self.whole([[len(self.rule.classes)]])
        index = self.node("Where", [unknown, beyond, best])
        index = self.node("Squeeze", [index, self.whole([1])])
        self.node("Gather", [self.labels(), index], output="label")

    def plain(self) -> list[str]:
        """Margins of a matrix of numbers."""
        self.input("X", self.onnx.TensorProto.DOUBLE, len(self.rule.columns))
        return [self.node("MatMul", ["X", self.constant(self.coef)])]

    def columns(self) -> list[str]:
        """Part of the margins that each column adds, of shape (n, K)."""
        return [self.column(*one) for one in self.rule.inputs()]

    def column(self, name: str, one: ColumnEncoding, start: int) -> str:
        """Part of the margins of a column."""
        coef = self.coef[start : start + one.width]
        text = one.kind == "category" and isinstance(one.levels[0], str)
        proto = self.onnx.TensorProto
        self.input(name, proto.STRING if text else proto.DOUBLE, 1)
        if one.kind == "category":
            return self.category(name, one, coef)
        value = self.boolean(name) if one.kind == "boolean" else name
        if one.mean is None:
            return self.node("MatMul", [value, self.constant(coef[:1])])
        missing = self.node("IsNaN", [name])
        filled = self.node("Where", [missing, self.constant([[one.mean]]), value])
        product = self.node("MatMul", [filled, self.constant(coef[:1])])
        if one.missing_at is None:
            return product
        flag = self.node("Cast", [missing], to=proto.DOUBLE)
        return self.node("Add", [product, self.node("MatMul", [flag, self.constant(coef[1:2])])])

    def boolean(self, name: str) -> str:
        """0 and 1 as they are, and NaN in place of all else."""
        known = [self.node("Equal", [name, self.constant([[x]])]) for x in (0.0, 1.0)]
        return self.node("Where", [self.node("Or", known), name, self.constant([[np.nan]])])

    def category(self, name: str, one: ColumnEncoding, coef: Any) -> str:
        """Coefficients of the level of each row, looked up in a table."""
        zero = np.zeros((1, coef.shape[1]))
        # The last row is the reference's; one after it is nobody's, and an error to look up.
        table, nobody = np.vstack([coef, zero]), len(coef) + 1
        rows = np.where(one.places < 0, len(coef), one.places).tolist()
        other = nobody
        if self.rule.pools_unseen(one):
            other = len(coef) if one.pooled_at == -1 else one.pooled_at
        missing = nobody if one.missing_at is None else one.missing_at
        find = self.text_row if isinstance(one.levels[0], str) else self.number_row
        index = find(name, one.levels.tolist(), rows, other, missing)
        index = self.node("Squeeze", [index, self.whole([1])])
        return self.node("Gather", [self.constant(table), index])

    def text_row(
        self, name: str, levels: list[str], rows: list[int], other: Any, missing: int
    ) -> str:
        """Row of the table of each text; "" is a missing one, unless it is a level."""
        for level in levels:
            _check_text(level, f"column {quoted(name)} has the level")
        known = dict(zip(levels, rows, strict=True))
        known.setdefault("", missing)
        return self.node(
            "LabelEncoder",
            [name],
            domain="ai.onnx.ml",
            keys_strings=[level.encode() for level in known],
            values_int64s=list(known.values()),
            default_int64=other,
        )

    def number_row(
        self, name: str, levels: list[Any], rows: list[int], other: Any, missing: int
    ) -> str:
        """Row of the table of each number; NaN is a missing one."""
        proto = self.onnx.TensorProto
        same = self.node("Equal", [name, self.constant([[float(level) for level in levels]])])
        same = self.node("Cast", [same], to=proto.INT64)
        # Rows are counted from 1, so that a sum of 0 tells of no level.
        places = self.node("Mul", [same, self.whole([[row + 1 for row in rows]])])
        found = self.node("ReduceSum", [places, self.whole([1])])
        none = self.node("Equal", [found, self.whole([[0]])])
        index = self.node("Sub", [found, self.whole([[1]])])
        index = self.node("Where", [none, self.whole([[other]]), index])
        return self.node("Where", [self.node("IsNaN", [name]), self.whole([[missing]]), index])

    def labels(self) -> str:
        """Classes as a tensor of their own type."""
        classes, name = self.rule.classes, f"{self.prefix}classes"
        if isinstance(classes[0], str):
            for label in classes:
                _check_text(str(label), "a class is called")
            texts = [str(label).encode() for label in classes]
            kind = self.onnx.TensorProto.STRING
            tensor = self.onnx.helper.make_tensor(name, kind, [len(texts)], texts)
        else:
            tensor = self.onnx.numpy_helper.from_array(np.array(classes), name)
        self.constants.append(tensor)
        return name

    def node(
        self, operator: str, inputs: Sequence[str], output: str | None = None, **how: Any
    ) -> str:
        """Name of what a new node puts out."""
        name = output or f"{self.prefix}{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, list(inputs), [name], **how))
        return name

    def constant(self, values: Any) -> str:
        """Name of doubles."""
        return self._constant(np.array(values, dtype=np.float64))

    def whole(self, values: Any) -> str:
        """Name of whole numbers."""
        return self._constant(np.array(values, dtype=np.int64))

    def _constant(self, values: Any) -> str:
        name = f"{self.prefix}c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(values, name))
        return name

    def input(self, name: str, kind: int, width: int) -> None:
        """Declare an input of shape (n, width)."""
        self.inputs.append(self.onnx.helper.make_tensor_value_info(name, kind, ["n", width]))

    def model(self) -> Any:
        """Put all together."""
        helper, proto = self.onnx.helper, self.onnx.TensorProto
        kinds = {str: proto.STRING, bool: proto.BOOL, int: proto.INT64, float: proto.DOUBLE}
        kind = kinds[type(self.rule.classes[0])]
        outputs = [
            helper.make_tensor_value_info("label", kind, ["n"]),
            helper.make_tensor_value_info(
                "probabilities", proto.DOUBLE, ["n", len(self.rule.classes)]
            ),
        ]
        graph = helper.make_graph(self.nodes, "oddsmith", self.inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR, producer_name="oddsmith"
        )

"""The objective: the fold of a kernel over all rows, plus the penalty.

    f(coef) = sum_i s_i loss(z_i coef + o_i, y_i) + sum_j P_j coef_j^2 / 2 + l1_j |coef_j|   (nats)

in the coordinates of a standardisation. `coef` is flat, intercept last; this is the only file
that knows how it is shaped for K margins: row-major (q, K), so that the K intercepts are last.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from oddsmith.core.block import Block, CountedSource, RowSource, SampleSource
from oddsmith.core.columns import Columns, Standardisation
from oddsmith.core.kernels import (
    PLAIN,
    Design,
    Dual,
    Evaluate,
    Gram,
    GramIn,
    Kernels,
    Score,
    ScoreMoments,
    Weight,
)
from oddsmith.core.loss import Binomial, Loss, Multinomial
from oddsmith.core.moments import LineMoments, Moments
from oddsmith.core.penalty import Limits, Penalty
from oddsmith.core.stable import Array, exact_dot

__all__ = ["Objective"]

# Root mean square of Z v, relative to the size of its terms, below which it is rounding.
_ALIASED = 2.0**-42


@dataclass(frozen=True)
class Objective:
    """Penalised negative log-likelihood over the rows of a source.

    Attributes
    ----------
    source : RowSource
    columns : Columns
        Statistics of the source's columns; `columns.weight` is the weight of all rows.
    n_classes : int
        2 for one margin a row, otherwise the number of margins.
    design : Design
        Standardisation and intercept.
    l2, l1 : float
        Penalty on the user's coefficients: l2 / 2 * ||w||^2 + l1 * ||w||_1, intercept left out.
    kernels : Kernels
        Plain or compiled.
    limits : Limits or None
        What distinguishes columns.
    """

    source: RowSource
    columns: Columns
    n_classes: int
    design: Design
    l2: float
    l1: float = 0.0
    kernels: Kernels = PLAIN
    limits: Limits | None = None

    @property
    def weight(self) -> float:
        """Sum of the weights (rows)."""
        return self.columns.weight

    @property
    def width(self) -> int:
        """Margins a row: 1 for two classes, K for K > 2."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def limited(self) -> bool:
        """Whether coefficients can be held where they are by a kink or a bound."""
        return self.l1 > 0 or self.limits is not None

    @property
    def size(self) -> int:
        """Length of coef."""
        return (self.source.n_features + self.design.intercept) * self.width

    @cached_property
    def loss(self) -> Loss:
        """Binomial for two classes, Multinomial for more."""
        return Binomial() if self.n_classes == 2 else Multinomial()

    @cached_property
    def penalty(self) -> Penalty:
        """Penalty in these coordinates."""
        scale = self.design.standardisation.scale
        free = np.zeros(int(self.design.intercept))
        diagonal = np.append((np.sqrt(self.l2) / scale) ** 2, free)
        l1 = np.append(self.l1 / scale, free)
        whole = Penalty(np.repeat(diagonal, self.width), np.repeat(l1, self.width))
        return whole if self.limits is None else self._limited(whole, self.limits)

    def _limited(self, whole: Penalty, limits: Limits) -> Penalty:
        """Penalty with factors and bounds; what is left out is held at 0."""
        p, K = self.source.n_features, self.width
        scale = self.design.standardisation.scale
        out = np.isinf(limits.factors)
        spare = np.full(int(self.design.intercept), np.inf)
        factors = np.repeat(np.append(np.where(out, 1.0, limits.factors), spare), K)
        factors[p * K :] = 1.0
        low = np.append(np.where(out, 0.0, limits.lower * scale), -spare)
        high = np.append(np.where(out, 0.0, limits.upper * scale), spare)
        return Penalty(
            whole.diagonal * factors, whole.l1 * factors, np.repeat(low, K), np.repeat(high, K)
        )

    def in_coordinates(self, standardisation: Standardisation) -> "Objective":
        """Return the same objective in other coordinates."""
        return replace(self, design=Design(standardisation, self.design.intercept))

    def shaped(self, coef: Array) -> Array:
        """Flat coef as the kernels take it: (q,) for one margin, (q, K) for K."""
        return coef if self.width == 1 else coef.reshape(-1, self.width)

    def evaluate(self, coef: Array, order: Literal[0, 1, 2]) -> Moments:
        """Value, with order 1 the gradient, with order 2 the Hessian: one pass.

        Parameters
        ----------
        coef : array of shape (size,)
        order : 0, 1 or 2

        Returns
        -------
        Moments
            Penalty included; the derivatives are those of the smooth part, without l1.
        """
        rows = self.source.fold(
            self.kernels.evaluate(self.loss, self.design, self.shaped(coef), order)
        )
        penalty = self.penalty
        gradient, hessian = rows.gradient, rows.hessian
        if order >= 1:
            gradient = gradient + penalty.gradient(coef)
        if order == 2:
            hessian = hessian.copy()
            hessian.ravel()[:: self.size + 1] += penalty.diagonal
        return Moments(rows.weight, rows.value + penalty.value(coef), gradient, hessian)

    def sample(self, stride: int) -> "Objective | None":
        """Objective over every stride-th row, with the penalty's share; None if there is none.

        Weights are those of the rows, so that its Hessian without the penalty is never more than
        that of all rows.
        """
        source = self.source.source if isinstance(self.source, CountedSource) else self.source
        if not isinstance(source, SampleSource):
            return None
        rows = source.sample(stride)
        weight = rows.fold(Weight()).weight
        if weight == 0:
            return None
        columns = replace(self.columns, weight=weight)
        share = columns.weight / self.weight
        return replace(self, source=rows, columns=columns, l2=share * self.l2, l1=share * self.l1)

    def batch_gradient(self, coef: Array, block: Block, share: float) -> Array:
        """Gradient of the smooth part as a batch of rows estimates it, of shape (size,).

        Its mean over all batches of an epoch is the gradient itself, whatever the weights
        (Bottou, Curtis and Nocedal, 2018, equation 3.7).

        Parameters
        ----------
        coef : array of shape (size,)
        block : Block
        share : float
            Rows of the batch divided by all rows.
        """
        rows = Evaluate(self.loss, self.design, self.shaped(coef), 1)(block)
        return rows.gradient / share + self.penalty.gradient(coef)

    def hessian_product(self, coef: Array, direction: Array) -> Array:
        """Hessian at coef times a direction, both of shape (size,): one pass."""
        kernel = self.kernels.hessian_product(
            self.loss, self.design, self.shaped(coef), self.shaped(direction)
        )
        return self.source.fold(kernel).vector + self.penalty.gradient(direction)

    def hessian_diagonal(self, coef: Array) -> Array:
        """Diagonal of the Hessian at coef, of shape (size,): one pass."""
        kernel = self.kernels.hessian_diagonal(self.loss, self.design, self.shaped(coef))
        return self.source.fold(kernel).vector + self.penalty.diagonal

    def along(
        self, coef: Array, direction: Array, lengths: tuple[float, ...], *, proof: bool = True
    ) -> LineMoments:
        """Values at coef - length * direction, and the certificate's sums: one pass.

        Without `proof` only values and reach are sure to be told.
        """
        kernel = self.kernels.line(
            self.loss, self.design, self.shaped(coef), self.shaped(direction), lengths, proof
        )
        line = self.source.fold(kernel)
        extra = [self.penalty.value(coef - length * direction) for length in lengths]
        values = line.values + np.array(extra)
        return LineMoments(values, line.divergence, line.reach, line.lead, line.widest)

    def values_along(self, coef: Array, direction: Array, lengths: tuple[float, ...]) -> Array:
        """Values at coef - length * direction for many lengths: one pass."""
        return self.along(coef, direction, lengths, proof=False).values

    def dual_values(self, coef: Array, direction: Array, scales: tuple[float, ...]) -> Array:
        """Loss part of the dual objective for several scales, see `Dual`: one pass."""
        kernel = Dual(self.loss, self.design, self.shaped(coef), self.shaped(direction), scales)
        return self.source.fold(kernel).vector

    def gram(self) -> Array:
        """Z'S Z of shape (q, q): one pass."""
        return self.source.fold(Gram(self.design)).vector

    def grounded(self, hessian: Array) -> Array:
        """Hessian with the one direction lifted that K margins never feel.

        Adding the same number to all K margins of a row changes nothing, so the Hessian is
        singular along the sums over classes. The gradient has no part there, nor has a Newton
        step after this: sums over classes stay 0, the least-norm choice.
        """
        if self.width == 1:
            return hessian
        q, K = self.size // self.width, self.width
        lifted = hessian.reshape(q, K, q, K).copy()
        own = np.arange(q)
        # By the size of what is there: more would drown the curvature of well-fitted rows.
        sizes = np.diag(hessian).reshape(q, K).mean(axis=1)
        lifted[own, :, own, :] += sizes[:, None, None] / K
        return lifted.reshape(self.size, self.size)

    def centred(self, coef: Array) -> Array:
        """Return the same model, its coefficients summing to 0 over the classes (K margins).

        An L1 penalty says itself what the sums are, except that of the intercepts.
        """
        if self.width == 1:
            return coef
        table = coef.reshape(-1, self.width).copy()
        free = table[self.source.n_features :] if self.limited else table
        free -= free.mean(axis=1, keepdims=True)
        return table.ravel()

    def split_null(self, directions: Array) -> tuple[Array, Array, Array]:
        """Tell directions along which no margin moves from those that only nearly do: one pass.

        The eigenvalues of a Gram matrix cannot: to them, columns that are equal to seven digits
        are the same. The products Z v can, down to the rounding of the columns' entries.

        Parameters
        ----------
        directions : array of shape (size, m), or (q, m) for one margin alone

        Returns
        -------
        null, real : arrays of m0 and m - m0 columns
        gram : array of shape (m - m0,)
            Diagonal of the Gram matrix in the directions `real`, which it is diagonal in.
        """
        m = directions.shape[1]
        q = self.size // self.width
        table = directions.reshape(q, -1, m)
        sizes = np.einsum("j,jkm->m", self._column_size + self._center_size, np.abs(table))
        # A column of zeros has no size: rounding in the others must not be measured by nothing.
        unit = directions / np.maximum(sizes, 2.0**-10 * np.abs(directions).max(axis=0))
        gram = self.source.fold(GramIn(self.design, unit.reshape(q, -1, m))).vector
        roots, vectors = np.linalg.eigh(gram)
        null = roots <= _ALIASED**2 * self.weight
        return unit @ vectors[:, null], unit @ vectors[:, ~null], roots[~null]

    def score(self, coef: Array, source: RowSource) -> ScoreMoments:
        """Log loss and accuracy on other rows with the same columns."""
        return source.fold(Score(self.loss, self.design, self.shaped(coef)))

    @cached_property
    def curvature_bound(self) -> Array:
        """Upper bound on the diagonal of the Hessian at any coef, of shape (size,).

        A margin's own curvature is a (1 - a) <= 1/4.
        """
        squares = np.repeat(self._column_size**2, self.width)
        return 0.25 * self.weight * squares + self.penalty.diagonal

    @property
    def largest_entries(self) -> Array:
        """Largest absolute entry of each column of the design, of shape (q,)."""
        how = self.design.standardisation
        far = np.maximum(self.columns.high - how.center, how.center - self.columns.low)
        return np.append(far / how.scale, np.ones(int(self.design.intercept)))

    @property
    def column_sizes(self) -> Array:
        """Root mean square of each column of the design, of shape (q,)."""
        return self._column_size

    @cached_property
    def _column_size(self) -> Array:
        """Root mean square of each column of the design, of shape (q,)."""
        how = self.design.standardisation
        size = np.hypot(self.columns.spread, self.columns.mean - how.center) / how.scale
        return np.append(size, np.ones(int(self.design.intercept)))

    def margin_rounding(self, coef: Array) -> float:
        """Root mean square of the rounding of a row's margins, at the most (nats).

        A dot product of numbers z_j coef_j is rounded by about the last place of their sizes
        (Higham, 2002, 3.1). It matters for columns far from zero that no intercept can centre.
        """
        sizes = np.abs(coef).reshape(-1, self.width).sum(axis=1)
        return 2.0**-52 * float((self._column_size + 0.5 * self._center_size) @ sizes)

    @cached_property
    def _center_size(self) -> Array:
        """How far each column of the design was moved, of shape (q,)."""
        how = self.design.standardisation
        return np.append(np.abs(how.center) / how.scale, np.zeros(int(self.design.intercept)))

    @property
    def lipschitz_bound(self) -> float:
        """Upper bound on the largest eigenvalue of the Hessian at any coef (its trace).

        With K margins the curvature diag(a) - a a' of a row has no eigenvalue above 1/2, twice
        the bound on its diagonal (Böhning, 1992, "Multinomial logistic regression algorithm").
        """
        largest = float(self.penalty.diagonal.max(initial=0.0))
        trace = float((self.curvature_bound - self.penalty.diagonal).sum()) / self.width
        return trace * (1.0 if self.width == 1 else 2.0) + largest

    def to_user(self, coef: Array) -> tuple[Array, Array]:
        """Coefficients (p, K) and intercepts (K,) on the user's scale, rounded once."""
        table = coef.reshape(-1, self.width)
        how = self.design.standardisation
        p = self.source.n_features
        with np.errstate(over="ignore"):
            w = table[:p] / how.scale[:, None]
        if not self.design.intercept:
            return w, np.zeros(self.width)
        return w, self._shifted(table[p], table[:p], -1.0)

    def from_user(self, w: Array, b: Array) -> Array:
        """Flat coef in these coordinates, from (p, K) and (K,) on the user's scale."""
        with np.errstate(over="ignore", invalid="ignore"):
            table = w * self.design.standardisation.scale[:, None]
            if self.design.intercept:
                table = np.vstack([table, self._shifted(b, table, 1.0)])
        return table.ravel()

    def as_given(self, coef: Array) -> Array:
        """Coefficients after their rounding to floats on the user's scale: what a user gets.

        The intercept of columns far from zero is a large number whose last digit moves all margins.
        """
        w, b = self.to_user(coef)
        finite = bool(np.isfinite(w).all() and np.isfinite(b).all())
        return self.from_user(w, b) if finite else coef

    def _shifted(self, b: Array, table: Array, sign: float) -> Array:
        """B + sign * center' w: with columns far from zero its terms cancel almost wholly."""
        how = self.design.standardisation
        moved = np.flatnonzero(how.center)
        center = sign * how.center[moved] / how.scale[moved]
        return np.array([exact_dot(center, table[moved, k], b[k]) for k in range(self.width)])

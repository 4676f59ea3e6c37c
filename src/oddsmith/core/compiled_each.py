"""`EvaluateEach` compiled: see `compiled`, whose ways it shares."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from oddsmith.core import each, fused_each
from oddsmith.core.block import Block
from oddsmith.core.compiled import rows_of
from oddsmith.core.each import EachMoments

__all__ = ["EvaluateEach"]


@dataclass(frozen=True, slots=True)
class EvaluateEach(each.EvaluateEach):
    """Loss and gradient of every fit in one read; Hessians are plain."""

    tiled: ClassVar[bool] = True

    def __call__(self, block: Block) -> EachMoments:
        """Add up a block."""
        rows = None if self.wanted.size else rows_of(block, self.design)
        if rows is None:
            return each.EvaluateEach.__call__(self, block)
        M, q = self.coefs.shape
        w, b = rows.inward(self.coefs.T)
        gradients, held_out = rows.room(M), np.zeros(self.tests.size)
        values = np.zeros(M if self.losses else 0)
        fused_each.evaluate(*rows.ready, w, b, self.parts, self.tests, gradients, values, held_out)
        values = values if self.losses else np.zeros(M)
        return EachMoments(values, gradients / rows.unit, np.empty((0, q, q)), held_out)

"""Solvers: each a generator of iterates that reads the objective and walks to its minimum."""

from oddsmith.solvers.gradient_descent import GradientDescent
from oddsmith.solvers.kernel_newton import KernelNewton
from oddsmith.solvers.lbfgs import LBFGS
from oddsmith.solvers.newton import Newton
from oddsmith.solvers.newton_cg import NewtonCG
from oddsmith.solvers.proximal_newton import ProximalNewton
from oddsmith.solvers.proximal_newton_rows import ProximalNewtonRows
from oddsmith.solvers.sampled import SampledLBFGS

__all__ = [
    "LBFGS",
    "GradientDescent",
    "KernelNewton",
    "Newton",
    "NewtonCG",
    "ProximalNewton",
    "ProximalNewtonRows",
    "SampledLBFGS",
]

"""Options that commands share, and how their values are read."""

import re
from pathlib import Path
from typing import Any

import click

__all__ = ["with_equals"]

PATH = click.Path(path_type=Path)
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(|[kmgt]i?)b?", re.IGNORECASE)
_LEAST = 384 * 2**20


class _Size(click.ParamType):
    """A number of bytes: 512MB, 1GB, 1.5GiB."""

    name = "size"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Read bytes."""
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is no size; write it as 512MB or 2GB", param, ctx)
        number, unit = found.groups()
        power = "kmgt".index(unit[0].lower()) + 1 if unit else 0
        size = int(float(number) * (1024 if len(unit) == 2 else 1000) ** power)
        if size < _LEAST:
            self.fail(
                f"{value!r} is less than Python and its libraries take with a few rows; give at "
                "least 403MB",
                param,
                ctx,
            )
        return size


MEMORY = click.option(
    "--memory",
    type=_Size(),
    default="1GB",
    show_default=True,
    help="What the program may take, Python and its libraries included.",
)


class _Costs(click.ParamType):
    """What both errors cost: fp=1,fn=5."""

    name = "fp=X,fn=Y"

    def convert(self, value: Any, param: Any, ctx: Any) -> dict[str, float]:
        """Read two numbers."""
        if isinstance(value, dict):
            return value
        found: dict[str, float] = {}
        for part in value.split(","):
            name, _, said = part.partition("=")
            try:
                found[name.strip()] = float(said)
            except ValueError:
                break
        if set(found) != {"fp", "fn"} or value.count("=") != 2:
            self.fail(
                f"{value!r} does not say what a false positive and a false negative cost; write "
                "them as fp=1,fn=5",
                param,
                ctx,
            )
        return found


COST = click.option(
    "--cost",
    type=_Costs(),
    help="What a false positive and a false negative cost when the page opens.",
    show_default="fp=1,fn=1",
)
seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Chooses which rows are held out.",
)
threshold = click.option(
    "--threshold",
    type=float,
    default=0.5,
    show_default=True,
    help="Probability from which on the positive class is predicted (two classes only).",
)


def with_equals(values: tuple[str, ...], option: str) -> dict[str, str]:
    """Names and what is said of them, from texts such as ``zip=category``.

    Examples
    --------
    >>> with_equals(("zip=category", "a=b=number"), "--type")
    {'zip': 'category', 'a=b': 'number'}
    """
    found: dict[str, str] = {}
    for value in values:
        name, equals, said = value.rpartition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} {value!r} is not NAME=...")
        if name in found:
            raise click.UsageError(f"{option} names {name!r} twice")
        found[name] = said
    return found

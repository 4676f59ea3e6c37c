"""A stored model on the rows of files, batch by batch. Without scikit-learn for predictions."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oddsmith.cli.inputs import several
from oddsmith.cli.messages import say
from oddsmith.core.labels import listed, quoted
from oddsmith.core.stable import Array
from oddsmith.core.table_columns import Column, some_rows
from oddsmith.data.files import Batch, TableFiles, open_files
from oddsmith.data.scored_rows import (
    columns_of,
    numbers_of,
    place_of,
    slice_of,
    unscorable,
)
from oddsmith.errors import DataError, ParameterError
from oddsmith.export.json import read_model
from oddsmith.export.prediction_files import (
    Scored,
    Sink,
    csv_sink,
    file_sink,
    format_of_output,
    output_names,
)
from oddsmith.export.schema import Model
from oddsmith.export.staging import staged_file

__all__ = ["ScoreRequest", "ScoredBatch", "Source", "write_predictions"]

# Entries of encoded rows that are scored at once: 16 megabytes.
_ENTRIES = 2**21
# A batch takes about this share of the memory, and several are on their way.
_BATCH = 64
_EXPECTED = "add what is missing, or check the header"


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """What the user asked ``predict`` or ``evaluate`` for.

    Attributes
    ----------
    model : Path
    data : sequence of str or Path
    threshold : float
    keep : tuple of str
        Columns of the data that are copied beside the predictions.
    offset : str or None
        Column that is added to the margins.
    skip : bool
        Whether rows that cannot be scored get empty cells, and are not refused.
    memory : int
        Bytes.
    weight : str or None
        Column of the rows' weights.
    offer : str or None
        What else can be done with rows that cannot be scored, in the words of a message.
    """

    model: Path
    data: Sequence[str | Path]
    threshold: float
    keep: tuple[str, ...] = ()
    offset: str | None = None
    skip: bool = False
    memory: int = 2**30
    weight: str | None = None
    offer: str | None = None


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """A batch, and what a model says of its rows.

    Attributes
    ----------
    batch : Batch
    chosen : integer array of shape (n,)
        Class index.
    probabilities : array of shape (n, K)
        NaN where a row cannot be scored.
    known : boolean array of shape (n,), or None
        Which rows can be; None if all.
    columns : list of Column
        Of these, in the order of the encoding.
    """

    batch: Batch
    chosen: Any
    probabilities: Array
    known: Any
    columns: list[Column]


def write_predictions(request: ScoreRequest, out: Path | None) -> None:
    """Write label and probabilities of each row, to standard output if `out` is None."""
    model = read_model(request.model)
    model.choose(np.full((1, len(model.classes)), 0.5), request.threshold)  # refuses it early
    names = output_names(request.keep, model.classes)
    if out is not None:
        format_of_output(out)
    source = Source.of(model, request)
    with _sink(out, names, model) as sink:
        for found in source.scored():
            kept = [found.batch.columns[name] for name in request.keep]
            sink.add(Scored(kept, found.chosen, found.probabilities, found.known))
    source.say_what_was_odd()


@contextmanager
def _sink(out: Path | None, names: list[str], model: Model) -> Iterator[Sink]:
    if out is None:
        sys.stdout.flush()
        yield csv_sink(_write_bytes, names, model.classes)
        sys.stdout.buffer.flush()
        return
    with staged_file(out) as place, file_sink(place, out, names, model.classes) as sink:
        yield sink


def _write_bytes(content: Any) -> None:
    """Write all to standard output, which takes a part at a time where it is unbuffered."""
    left = memoryview(content)
    while left:
        left = left[sys.stdout.buffer.write(left) :]


@dataclass(frozen=True, slots=True)
class Source:
    """Files whose columns are those of a model."""

    model: Model
    request: ScoreRequest
    files: TableFiles
    target: str | None
    pooled: Counter[tuple[str, str]]
    empty: Counter[str]
    watch: Callable[[Any], object] | None

    @classmethod
    def of(
        cls,
        model: Model,
        request: ScoreRequest,
        target: str | None = None,
        watch: Callable[[Any], object] | None = None,
    ) -> "Source":
        """Open the files; `watch` is called with the encoded rows."""
        files = _opened(model, request, target)
        source = cls(model, request, files, target, Counter(), Counter(), watch)
        source._say_what_is_ignored()
        return source

    def scored(self) -> Iterator[ScoredBatch]:
        """Batches with what the model says of them."""
        names = list(self.model.input_names)
        beside = (self.target, self.request.offset, self.request.weight)
        names += [one for one in (*self.request.keep, *beside) if one]
        for batch in self.files.batches(list(dict.fromkeys(names))):
            columns = columns_of(batch, self.model.encoding, self.model.input_names)
            offset = None if self.request.offset is None else self._offset(batch)
            known = self._known(batch, columns)
            if known is not None:
                columns = [some_rows(column, known) for column in columns]
                offset = None if offset is None else offset[known]
            self._count_pooled(columns)
            found = self._probabilities(batch, columns, offset)
            if known is not None:
                whole = np.full((batch.n_rows, found.shape[1]), np.nan)
                whole[known] = found
                found = whole
            chosen = self.model.choose(found, self.request.threshold)
            yield ScoredBatch(batch, chosen, found, known, columns)

    def weights(self, batch: Batch) -> Array | None:
        """Weight of each row of a batch; None if all count once.

        Raises
        ------
        DataError
            If one is no number from 0 up.
        """
        name = self.request.weight
        if name is None:
            return None
        values = numbers_of(batch, name)
        bad = ~(np.isfinite(values) & (values >= 0))
        if bad.any():
            where = place_of(batch, int(np.argmax(bad)))
            raise DataError(f"{where}, column {quoted(name)}: is no number from 0 up; mend it")
        return values

    @property
    def n_left(self) -> int:
        """Rows so far that cannot be scored."""
        return sum(self.empty.values())

    def say_what_was_odd(self, left: str = "their cells are empty") -> None:
        """Tell of rows that were not scored, and of levels that were pooled."""
        for (name, level), count in self.pooled.most_common(10):
            say(
                f"{quoted(name)}: {quoted(level)} in {count} rows is a level that the fit has not "
                "seen; it counts as the pooled one"
            )
        if len(self.pooled) > 10:
            say(f"and {len(self.pooled) - 10} more levels that the fit has not seen")
        for what, count in self.empty.items():
            say(f"{count} rows cannot be scored, and {left}; the first: {what}")

    def _offset(self, batch: Batch) -> Array:
        name = self.request.offset or ""
        values = numbers_of(batch, name)
        bad = ~np.isfinite(values)
        if bad.any():
            where = place_of(batch, int(np.argmax(bad)))
            raise DataError(f"{where}, column {quoted(name)}: is no finite number; mend it")
        return values

    def _known(self, batch: Batch, columns: list[Column]) -> Any:
        """Which rows can be scored; None if all."""
        faults = unscorable(columns, self.model.encoding, self.model.input_names)
        if not faults:
            return None
        first = min(faults, key=lambda fault: fault.first)
        where = f"{place_of(batch, first.first)}, column {quoted(first.name)}: {first.what}"
        if not self.request.skip:
            offer = self.request.offer
            raise DataError(where if offer is None else f"{where}, or leave such rows {offer}")
        known = ~np.logical_or.reduce([fault.rows for fault in faults])
        key = next(iter(self.empty), where)
        self.empty[key] += int(batch.n_rows - known.sum())
        return known

    def _count_pooled(self, columns: list[Column]) -> None:
        encoding = self.model.encoding
        if encoding.unseen != "pool":
            return
        names = self.model.input_names
        for column, one, name in zip(columns, encoding.columns, names, strict=True):
            for level, count in one.unseen(column).items():
                self.pooled[name, str(level)] += count

    def _probabilities(self, batch: Batch, columns: list[Column], offset: Any) -> Array:
        model, n = self.model, columns[0].n_rows
        encoding = model.encoding
        stored = sum(one.n_parts for one in encoding.columns)
        rows = max(1, _ENTRIES // max(1, stored if encoding.sparse else encoding.width))
        found = np.empty((n, len(model.classes)))
        for start in range(0, n, rows):
            part = slice(start, min(n, start + rows))
            X = encoding.rows(slice_of(columns, part) if n > rows else columns)
            if self.watch is not None and X.shape[0]:
                self.watch(X)
            own = None if offset is None else offset[part]
            try:
                found[part] = model.predict_proba(X, own)
            except DataError as error:
                with np.errstate(over="ignore", invalid="ignore"):
                    margin = X @ model.coef.T + model.intercept
                bad = ~np.isfinite(margin).all(axis=1)
                if not bad.any():
                    raise DataError(f"{batch.path}: {error}") from None
                row = start + int(bad.argmax())
                where = place_of(batch, row) if n == batch.n_rows else f"{batch.path}"
                raise DataError(f"{where}: data row {row + 1} of a batch: {error}") from None
        return found

    def _say_what_is_ignored(self) -> None:
        model, request = self.model, self.request
        known = {*model.input_names, model.target, *request.keep, request.offset, request.weight}
        extra = [quoted(name) for name in self.files.kinds if name not in known]
        if extra:
            source = several(self.files.paths)
            say(f"{source}: not in the model, so ignored: {listed(extra)}")


def _opened(model: Model, request: ScoreRequest, target: str | None) -> TableFiles:
    """Open the files so that the model's columns are of the kinds that it knows."""
    types = _types(model)
    block = request.memory // _BATCH
    own = {*types, target}
    text = tuple(name for name in request.keep if name not in own)
    if target is not None:
        text += (target,)
    try:
        files = open_files(request.data, types=types, text=text, block_bytes=block)
        dates = [name for name in request.keep if files.kinds[name] == "other"]
        if dates:  # which are copied as text
            types |= dict.fromkeys(dates, "category")
            text = tuple(name for name in text if name not in dates)
            files = open_files(request.data, types=types, text=text, block_bytes=block)
        for role in ("offset", "weight"):
            name = getattr(request, role)
            if name is None:
                continue
            files.check(name, role)
            if files.kinds[name] == "category":
                raise DataError(
                    f"{files.paths[0]}: the {role} column {quoted(name)} holds no numbers; name "
                    "another one"
                )
        return _typed(files, model)
    except ParameterError:
        found = open_files(request.data, block_bytes=block)
        _refuse_lacking(found, model.input_names)
        for name in (*request.keep, *(() if target is None else (target,))):
            found.check(name, "labels" if name == target else "output (--keep)")
        raise


def _types(model: Model) -> dict[str, str]:
    """Kinds that columns must be of; booleans may be written as 0 and 1, so they are inferred."""
    found: dict[str, str] = {}
    for one, name in zip(model.encoding.columns, model.input_names, strict=True):
        if one.kind == "number":
            found[name] = "number"
        elif one.kind == "category" and one.levels.size:
            found[name] = "category" if isinstance(one.levels[0], str) else "number"
    return found


def _typed(files: TableFiles, model: Model) -> TableFiles:
    """Refuse what lacks or is of another kind."""
    _refuse_lacking(files, model.input_names)
    for one, name in zip(model.encoding.columns, model.input_names, strict=True):
        if one.kind == "boolean" and files.kinds[name] == "category":
            raise DataError(
                f"{files.paths[0]}: column {quoted(name)} holds text, and held true and false at "
                "the fit; write true and false, or 1 and 0"
            )
    return files


def _refuse_lacking(files: TableFiles, names: Sequence[str]) -> None:
    missing = [quoted(name) for name in names if name not in files.kinds]
    if missing:
        raise DataError(
            f"{files.paths[0]}: lacks {'columns' if missing[1:] else 'column'} "
            f"{listed(missing)}, which the model needs; {_EXPECTED}"
        )

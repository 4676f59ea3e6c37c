"""A stored model on the rows of a CSV file. Without scikit-learn for predictions."""

from pathlib import Path

from oddsmith.cli.messages import say
from oddsmith.cli.reading import match_classes, match_features
from oddsmith.core.labels import quoted
from oddsmith.core.stable import Array
from oddsmith.data.files import Table, read_csv
from oddsmith.errors import DataError, ModelFileError
from oddsmith.export.json import read_model
from oddsmith.export.predictions import predictions_csv, probability_columns
from oddsmith.export.schema import Model
from oddsmith.views.tables import Summary, evaluate, summarise

__all__ = ["evaluation_of", "predictions_of"]


def predictions_of(model_file: Path, data: Path, threshold: float) -> str:
    """CSV text of the predicted label and the probability of each class, row by row."""
    model = read_model(model_file)
    table, probabilities = _score(model, data)
    chosen = model.choose(probabilities, threshold)
    _say_what_is_ignored(model, table)
    labels = [model.classes[k] for k in chosen.tolist()]
    columns = probability_columns(probabilities, model.classes)
    return predictions_csv({"prediction": labels, **columns})


def evaluation_of(model_file: Path, data: Path, threshold: float) -> Summary:
    """Summary of a model with its evaluation on labelled rows."""
    model = read_model(model_file)
    table, probabilities = _score(model, data)
    chosen = model.choose(probabilities, threshold)
    if model.target is None:
        raise ModelFileError(
            f"{model_file}: does not say which column held the labels; use oddsmith.load in Python"
        )
    true = match_classes(table, model.target, model.classes)
    _say_what_is_ignored(model, table)
    return summarise(model, evaluate(true, chosen, probabilities, model.classes))


def _score(model: Model, data: Path) -> tuple[Table, Array]:
    if not model.encoding.plain:
        raise ModelFileError(
            "the model has columns of text or of missing values, which this command does not read; "
            "use oddsmith.load in Python"
        )
    table = read_csv(data)
    X = match_features(table, model.input_names)
    try:
        return table, model.predict_proba(X)
    except DataError as error:
        raise DataError(f"{data}: {error}") from None


def _say_what_is_ignored(model: Model, table: Table) -> None:
    known = {*model.input_names, model.target}
    extra = [quoted(name) for name in table.names if name not in known]
    if extra:
        more = f" and {len(extra) - 10} more" if len(extra) > 10 else ""
        say(f"{table.source}: not in the model, so ignored: {', '.join(extra[:10])}{more}")

"""Which files are meant by a name, a list, a glob or a folder, and what format they have."""

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from oddsmith.core.labels import printable, quoted
from oddsmith.errors import DataError, ParameterError

__all__ = ["format_of", "named_files"]

Format = Literal["csv", "parquet", "arrow"]
_FORMATS: dict[str, Format] = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "arrow"),
}
_PACKED = (".gz", ".zst")
_KNOWN = "name a .csv, .tsv, .txt (.gz and .zst too), .parquet, .pq, .arrow, .feather or .ipc file"
# What a file begins with, and how one with such a content should be named.
_MAGIC = (
    (b"PAR1", "parquet", "Parquet", ".parquet"),
    (b"ARROW1\0\0", "arrow", "Arrow", ".arrow"),
    (b"\xff\xff\xff\xff", "arrow", "Arrow", ".arrow"),
    (b"\x1f\x8b", "csv.gz", "gzip", ".csv.gz"),
    (b"\x28\xb5\x2f\xfd", "csv.zst", "zstd", ".csv.zst"),
)


def named_files(files: str | Path | Sequence[str | Path]) -> tuple[Path, ...]:
    """Files that are meant, each once.

    Raises
    ------
    DataError
        If there is none, or one is not there or there twice.
    """
    if isinstance(files, (str, Path)):
        paths = _expand(files)
    else:
        paths = [path for name in files for path in _expand(name)]
    if not paths:
        raise ParameterError("files is an empty list; name at least one file.")
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise DataError(f"{_shown(path)}: is named twice; name it once")
        seen.add(path.resolve())
    return tuple(paths)


def format_of(paths: tuple[Path, ...]) -> Format:
    """Format of all files, by their names; their content must not say otherwise.

    Raises
    ------
    DataError
        If it is not known, or not one.
    """
    formats: list[Format | None] = [_by_name(path) for path in paths]
    for path, found in zip(paths, formats, strict=True):
        if found is None:
            raise DataError(f"{_shown(path)}: has no known ending; {_KNOWN}")
        if found != formats[0]:
            raise DataError(
                f"{_shown(path)}: is of another format than {_shown(paths[0])}; "
                "read the files of one format"
            )
        _refuse_other_content(path, found)
    assert formats[0] is not None  # noqa: S101
    return formats[0]


def _by_name(path: Path) -> Format | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        return "csv" if _FORMATS.get("".join(suffixes[-2:-1])) == "csv" else None
    return _FORMATS.get("".join(suffixes[-1:]))


def _shown(path: str | Path) -> str:
    return printable(str(path))


def _expand(name: str | Path) -> list[Path]:
    path = Path(name)
    if "\0" in str(path):
        raise DataError(f"{_shown(path)}: cannot be the name of a file; check it")
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return [path]
    if path.exists():
        raise DataError(f"{_shown(path)}: is no regular file; it must be read more than once")
    if glob.has_magic(str(name)):
        return _in_glob(str(name))
    raise DataError(f"{_shown(path)}: there is no such file; check its name")


def _left_out(name: str) -> bool:
    """As Spark and others name what is no data."""
    return name.startswith((".", "_"))


def _in_folder(folder: Path) -> list[Path]:
    inside = [path for path in sorted(folder.iterdir()) if not _left_out(path.name)]
    folders = [path.name for path in inside if path.is_dir()]
    if folders:
        partitioned = any("=" in name for name in folders)
        what = "holds the partition" if partitioned else "holds the folder"
        why = ", whose name stands for a column that is not read" if partitioned else ""
        raise DataError(
            f"{_shown(folder)}: {what} {quoted(folders[0])}{why}; name the files by a glob, such "
            f"as {_shown(folder / '**' / '*.parquet')}"
        )
    files = [path for path in inside if _by_name(path) is not None]
    if not files:
        raise DataError(f"{_shown(folder)}: holds no file with a known ending; {_KNOWN}")
    return files


def _in_glob(pattern: str) -> list[Path]:
    own = set(Path(pattern).parts)
    found = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    files = [
        path
        for path in found
        if path.is_file() and not any(_left_out(part) for part in path.parts if part not in own)
    ]
    if not files:
        what = "only folders match" if found else "no file matches"
        raise DataError(f"{_shown(pattern)}: {what}; check the pattern")
    if pattern.endswith("*"):
        files = [path for path in files if _by_name(path) is not None] or files
    return files


def _refuse_other_content(path: Path, found: Format) -> None:
    """Raise if the first bytes of a file are those of another format than its name says."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            size = file.seek(0, 2)
            file.seek(max(0, size - 4))
            tail = file.read(4)
    except OSError as error:
        raise DataError(f"{_shown(path)}: cannot be read ({error.strerror})") from None
    packed = path.suffix.lower() if path.suffix.lower() in _PACKED else ""
    for magic, content, title, ending in _MAGIC:
        if not head.startswith(magic) or content == found + packed:
            continue
        if title == "Parquet" and tail != magic:
            continue  # a CSV file may begin so
        raise DataError(
            f"{_shown(path)}: holds {title} data, unlike its name; name it with {ending}"
        )

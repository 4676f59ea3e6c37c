"""Broken and hostile model files: each must be refused with one line, in bounded time.

Made from the files that are kept for ever, by hand and by a seeded random walk: the same at every
run.
"""

import gzip
import json
import pickle
import random
from pathlib import Path

__all__ = ["hostile"]

HERE = Path(__file__).parent / "models"
SEEDS = {path.stem: path.read_bytes() for path in sorted(HERE.glob("version_*.json"))}
# What a stranger may hope to see run, opened or fetched.
LURES = [
    {"__class__": "os.system", "__init__": ["id"]},
    {"__reduce__": ["os.system", ["touch /tmp/owned"]]},
    {"py/object": "subprocess.Popen", "py/reduce": [{"py/type": "os.system"}]},
    {"!!python/object/apply:os.system": ["id"]},
    {"$ref": "file:///etc/passwd"},
    "!!python/object/apply:os.system ['id']",
    "../../../../etc/passwd",
    "file:///etc/passwd",
    "http://127.0.0.1/model.json",
    "{{7*7}}",
    "__import__('os').system('id')",
]


def hostile():
    """Bytes of each file, by a name that says what is wrong with it."""
    found = dict(_by_hand())
    for name, seed in SEEDS.items():
        found |= {f"{name}: {why}": file for why, file in _of(seed)}
    return found


def _by_hand():
    yield "empty", b""
    yield "blank", b" \n\t"
    yield "null", b"null"
    yield "a number", b"2"
    yield "a list", b"[]"
    yield "an empty object", b"{}"
    yield "a format alone", b'{"format": "oddsmith-model"}'
    yield "NUL bytes", b"\0" * 4096
    yield "not text", bytes(range(256))
    yield "a pickle", pickle.dumps({"format": "oddsmith-model"})
    yield "a zip", b"PK\x03\x04" + b"\0" * 100
    yield "HTML", b"<!DOCTYPE html><script>alert(1)</script>"
    yield "YAML", b"!!python/object/apply:os.system ['id']"
    yield "lists within lists", b"[" * 1_000_000
    yield "closed lists within lists", b"[" * 100_000 + b"]" * 100_000
    yield "objects within objects", b'{"a":' * 1_000_000
    yield "an unterminated text", b'{"format": "' + b"a" * 1_000_000
    yield "escapes of nothing", b'{"format": "\\u12"}'
    yield "a long number", b'{"version": ' + b"9" * 1_000_000 + b"}"
    yield "a long fraction", b'{"version": 0.' + b"1" * 1_000_000 + b"}"
    yield "an endless exponent", b'{"version": 1e' + b"9" * 1_000_000 + b"}"
    yield "a million keys", b"{" + b",".join(b'"%d":0' % i for i in range(1_000_000)) + b"}"
    yield "a million times one key", b"{" + b",".join([b'"a":0'] * 1_000_000) + b"}"


def _of(seed):
    text = seed.decode()
    yield "byte-order mark", b"\xef\xbb\xbf" + seed
    yield "UTF-16", text.encode("utf-16")
    yield "UTF-32", text.encode("utf-32")
    yield "gzip", gzip.compress(seed, mtime=0)
    yield "twice", seed + seed
    yield "a tail", seed + b"\0"
    yield "a comment", b"// model\n" + seed
    yield "trailing comma", seed.rstrip()[:-1] + b",}"
    yield "single quotes", seed.replace(b'"', b"'")
    yield "Latin 1", text.encode("cp1252", errors="replace") + "ß".encode("latin-1")
    for constant in (b"NaN", b"Infinity", b"-Infinity", b"1e400", b"0x10", b"01", b"+1", b"1_0"):
        yield f"{constant.decode()} for 0.5", seed.replace(b"0.5", constant, 1)
    yield from _cut(seed)
    yield from _lured(seed)
    yield from _swapped(seed)
    yield from _flipped(seed)
    if b'"encoding"' in seed:
        yield from _bombs(seed)


def _cut(seed):
    """The file ends after each of its brackets, commas and colons, and in the middle of words."""
    points = [i for i, byte in enumerate(seed.rstrip()[:-1]) if byte in b'{}[],:"']
    for i in points[:: max(1, len(points) // 40)]:
        yield f"ends after byte {i}", seed[: i + 1]


def _paths(tree, path=()):
    yield path
    tree = dict(enumerate(tree)) if isinstance(tree, list) else tree
    for key, value in tree.items() if isinstance(tree, dict) else ():
        yield from _paths(value, (*path, key))


def _put(seed, path, value):
    tree = json.loads(seed)
    place = tree
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(tree).encode()


def _lured(seed):
    """Lures as the values of keys, which are of another type or no such name, and as new keys."""
    for i, lure in enumerate(LURES):
        yield f"lure {i} as version", _put(seed, ("version",), lure)
        yield f"lure {i} as coefficients", _put(seed, ("coefficients",), lure)
        yield f"lure {i} beside the others", _put(seed, ("__class__",), lure)
    yield "a path for the target's name", _put(seed, ("target",), {"path": "/etc/passwd"})
    yield "a class as format", _put(seed, ("format",), "builtins.eval")


def _swapped(seed):
    """Values of another type."""
    others = {str: 0, int: "0", float: "0", bool: 0, type(None): {}, list: {}, dict: []}
    paths = [path for path in _paths(json.loads(seed)) if path]
    for path in paths[:: max(1, len(paths) // 60)]:
        value = json.loads(seed)
        for key in path:
            value = value[key]
        where = "/".join(map(str, path))
        yield f"another type at {where}", _put(seed, path, others[type(value)])


def _flipped(seed):
    """One bit of a structural character."""
    draw = random.Random(7)  # noqa: S311
    places = [i for i, byte in enumerate(seed) if byte in b"{}[]:"]
    for place in sorted(draw.sample(places, min(30, len(places)))):
        file = bytearray(seed)
        file[place] ^= 1 << draw.choice([0, 3, 6, 7])
        if file[place] not in b" \t\n\r":
            yield f"a bit at byte {place}", bytes(file)


def _bombs(seed):
    """Much of everything: refused where it is counted, before anything is made of it."""
    column = json.loads(seed)["encoding"]["columns"][1]
    many = [f"{i:07d}" for i in range(1_000_000)]
    at = ("encoding", "columns")
    yield "a million levels", _put(seed, (*at, 1), column | {"levels": many})
    places = [-1, *range(999_999)]
    bomb = {"levels": many, "counts": [1] * 1_000_000, "places": places, "reference": many[0]}
    bomb |= {"pooled_at": None, "missing_at": None}
    yield "a million levels with places", _put(seed, (*at, 1), column | bomb)
    yield "the same level a million times", _put(seed, (*at, 1), column | {"levels": ["a"] * 10**6})
    yield "a place far outside", _put(seed, (*at, 1, "places", 0), 2**53)
    number = json.loads(seed)["encoding"]["columns"][2]
    yield "many columns", _put(seed, at, [number | {"name": name} for name in many[:200_000]])
    yield "a wide covariance", _put(seed, ("covariance",), [[1.0]] * 300_000)
    yield "many classes", _put(seed, ("classes",), many)
    yield "a million coefficients", _put(seed, ("coefficients", 0), [0.0] * 1_000_000)

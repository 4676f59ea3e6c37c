"""A PostgreSQL server of the tests' own, in a temporary directory, reached by a socket in it."""

import csv
import io
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["PostgreSQL"]

# The server refuses to run as root; Debian's package brings this user.
_USER = "postgres"


class PostgreSQL:
    """A server that lives as long as the block; `make test` installs Debian's package."""

    def __enter__(self):
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version)
        found = shutil.which("initdb")
        if not programs and not found:
            raise FileNotFoundError("the tests need PostgreSQL's server: make postgres")
        self.programs = programs[-1] if programs else Path(found).parent
        # Not below pytest's folder, which other users cannot enter; short, as sockets' names are.
        self.place = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        if os.geteuid() == 0:
            shutil.chown(self.place, _USER)
        data = str(self.place / "data")
        self._run(
            "initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        # No port, no log to keep, nothing forced to disk.
        options = f"-k {self.place} -c listen_addresses= -c fsync=off -c max_stack_depth=2MB"
        log = str(self.place / "log")
        self._run("pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start")
        return self

    def __exit__(self, *_):
        self._run("pg_ctl", "-D", str(self.place / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.place, ignore_errors=True)

    def rows(self, statements, query):
        """Rows of a query after some statements, as text; None for NULL."""
        sql = "\n".join(["SET client_min_messages = warning;", *statements])
        # Two calls, so that what the statements print is not taken for rows.
        if statements:
            self._psql(sql)
        text = self._psql(f"COPY ({query}) TO STDOUT (FORMAT csv, NULL '(null)');")
        return [
            tuple(None if cell == "(null)" else cell for cell in row)
            for row in csv.reader(io.StringIO(text))
        ]

    def _psql(self, sql):
        host = str(self.place)
        return self._run(
            "psql", "-X", "-q", "-h", host, "-U", _USER, "-v", "ON_ERROR_STOP=1", "-f", "-", sql=sql
        )

    def _run(self, program, *arguments, sql=None):
        command = [str(self.programs / program), *arguments]
        if os.geteuid() == 0:
            # Where administrators' programs are not on the path, it is there all the same.
            command = [shutil.which("runuser") or "/usr/sbin/runuser", "-u", _USER, "--", *command]
        # A file, as a pipe would be held open by the server that pg_ctl leaves behind.
        with tempfile.TemporaryFile() as out:
            done = subprocess.run(
                command,
                input=(sql or "").encode(),
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
                cwd="/",
                env={**os.environ, "PGCLIENTENCODING": "UTF8"},
            )
            out.seek(0)
            text = out.read().decode()
        assert done.returncode == 0, text
        return text


def _version(path):
    return float(path.parent.name)

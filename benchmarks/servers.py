# SPDX-License-Identifier: BSD-2-Clause
"""servers.py -- Servers under load: started under a peer, put to work by a client, asked to stop.
What counts is the server's CPU, not the client's."""

import dataclasses
import shutil
import socket
import time

from measure import Command, end_session, run_aside
from trial import judge, remove
from workloads import find_program, must_run

START_S = 30


@dataclasses.dataclass
class Server:
    """command(lab, place) → argv; load(lab, place, scale) and stop(lab, place) → argv of clients."""
    name: str
    programs: tuple
    command: object
    load: object
    stop: object
    prepare: object = None

    def missing(self):
        return [name for name in self.programs if not find_program(name)]


def answers(path):
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


def wait_until_up(command, path):
    """False if it ended or does not listen."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and command.process.poll() is None:
        if answers(path):
            return True
        time.sleep(0.02)
    return False


def serve(lab, server, peer, scale, is_first):
    """The Outcome of one server, from its start to its end, under that peer."""
    place, command = lab.new_place(), None
    try:
        parts = peer.command(lab, server.command(lab, place), place)
        if not parts:
            return None
        command = Command(lab, parts[0], parts[1], place, output=False)
        is_served = (wait_until_up(command, place / "socket") and
                     run_aside(lab, server.load(lab, place, scale), lab.limit_s, cwd=place) and
                     run_aside(lab, server.stop(lab, place), START_S, cwd=place))
        outcome = command.wait(lab.limit_s if is_served else 0)
        if not is_served and not outcome.trouble:
            outcome.trouble = "died"
        judge(peer, place, outcome, is_first)
        return outcome
    finally:
        if command:
            end_session(command.process)
        remove(place)


# ---- redis

def redis_command(lab, place):
    return [find_program("redis-server"), "--port", "0", "--unixsocket", str(place / "socket"), "--save", "",
            "--appendonly", "no", "--dir", str(place)]


def redis_load(lab, place, scale):
    return [find_program("redis-benchmark"), "-s", str(place / "socket"), "-t", "set,get,lpush,lpop,hset,zadd", "-n",
            str(int(200_000 * scale)), "-r", "50000", "-d", "100", "-P", "8", "-q"]


def redis_stop(lab, place):
    # It closes the connection instead of answering, which redis-cli calls an error.
    return ["sh", "-c", f"redis-cli -s {place}/socket shutdown nosave; :"]


# ---- mariadb

def mariadb_prepare(lab):
    """An empty database, of which every run gets a copy."""
    must_run(lab, ["mariadb-install-db", "--no-defaults", "--user=root", "--auth-root-authentication-method=normal",
                   "--skip-test-db", f"--datadir={lab.inputs}/mariadb"])


def mariadb_command(lab, place):
    shutil.copytree(lab.inputs / "mariadb", place / "data")
    return [find_program("mariadbd"), "--no-defaults", "--user=root", f"--datadir={place}/data",
            f"--socket={place}/socket", "--skip-networking", "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=64M", "--innodb-stats-auto-recalc=0", f"--pid-file={place}/pid"]


MARIADB_TABLE = ("create table t(id int primary key auto_increment, k int, v varchar(100), index(k)); "
                 "insert into t(k, v) select seq % 100, repeat('x', 50) from seq_1_to_2000; "
                 "alter table t force")
MARIADB_QUERIES = ("select k, count(*), max(v) from t where id between 100 and 140 group by k order by v limit 3; "
                   "select a.v from t a join t b on a.id = b.k where b.id = 77; "
                   "update t set k = k + 1 where id = 55; "
                   "select * from t where id in (select k from t where id < 20)")


def mariadb_load(lab, place, scale):
    return ["mariadb-slap", "--no-defaults", "--user=root", f"--socket={place}/socket", "--create-schema=bench",
            f"--create={MARIADB_TABLE}", f"--query={MARIADB_QUERIES}", "--delimiter=;", "--concurrency=4",
            f"--number-of-queries={int(40_000 * scale)}"]


def mariadb_stop(lab, place):
    return ["mariadb-admin", "--no-defaults", "--user=root", f"--socket={place}/socket", "shutdown"]


ALL = [
    Server("redis-server under load", ("redis-server", "redis-benchmark", "redis-cli"), redis_command, redis_load,
           redis_stop),
    Server("mariadbd under load", ("mariadbd", "mariadb-slap", "mariadb-install-db", "mariadb-admin"), mariadb_command,
           mariadb_load, mariadb_stop, mariadb_prepare),
]

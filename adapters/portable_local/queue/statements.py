"""What is said to SQLite, in its words."""

from __future__ import annotations

from portable_local.queue.places import BLOCKED, LEAST, PLACES

SENT_BEFORE = "SELECT message FROM sent WHERE queue = ? AND dedup_id = ? AND until > ?"
REMEMBER = "REPLACE INTO sent(queue, dedup_id, message, until) VALUES (?, ?, ?, ?)"
FORGET = "DELETE FROM sent WHERE until <= ?"
FORGET_ALL = "DELETE FROM sent WHERE queue = ?"
KEEP_LARGE = "INSERT INTO large(body) VALUES (?)"
REMOVE_LARGE = "DELETE FROM large WHERE id = ?"


class Statements:
    """For the table of one queue."""

    def __init__(self, queue: str) -> None:
        table = f'"queue {queue}"'
        columns = f"""
            id, mark, ifnull(body, (SELECT large.body FROM large WHERE large.id = {table}.large)),
            attributes, attempts, "group", large IS NULL AND "group" IS NULL"""
        held = "key = ?1 AND lease = ?2"
        last = f"max(0, (SELECT max(key) FROM {table})) + 1"
        # What is due by its moment comes before what was sent after that moment.
        next_sent = (
            f"SELECT {LEAST} + id * {PLACES} FROM {table} WHERE key > 0 ORDER BY key LIMIT 1"
        )
        next_due = f"""
            SELECT min(key) FROM {table}
            WHERE key BETWEEN {LEAST} AND min(?1, ifnull(({next_sent}), ?1))"""

        def free(place: str) -> str:
            """The next of the places of its moment."""
            return f"""(SELECT ifnull(max(other.key) + 1, {place}) FROM {table} AS other
                WHERE other.key BETWEEN {place} AND {place} + {PLACES - 1})"""

        self.create = f"""
            CREATE TABLE IF NOT EXISTS {table}(
                key INTEGER PRIMARY KEY,
                id INTEGER NOT NULL,
                mark INTEGER NOT NULL,
                lease INTEGER,
                attempts INTEGER NOT NULL DEFAULT 0,
                "group" TEXT,
                attributes TEXT NOT NULL,
                body BLOB,
                large INTEGER
            )"""
        self.create_index = f"""
            CREATE INDEX IF NOT EXISTS "group {queue}" ON {table}("group", id)
            WHERE "group" IS NOT NULL"""
        self.delete = f"DROP TABLE {table}"
        self.send = f"""
            INSERT INTO {table}(key, id, mark, attributes, body) VALUES ({last}, ?, ?, ?, ?)"""
        self.send_other = f"""
            INSERT INTO {table}(key, id, mark, attributes, body, "group", large)
            VALUES (ifnull(?, {last}), ?, ?, ?, ?, ?, ?)"""
        self.free = f"SELECT {free('?1')}"
        self.last_of_group = f'SELECT max(id) FROM {table} WHERE "group" = ?'

        self.lease_next = f"""
            UPDATE {table} SET attempts = attempts + 1, lease = ?2, key = {free("?3")}
            WHERE key = ifnull(({next_due}), (SELECT min(key) FROM {table} WHERE key > 0))
            RETURNING key, {columns}"""
        self.due = f"""
            SELECT key, {columns} FROM {table} WHERE key BETWEEN {LEAST} AND ? ORDER BY key LIMIT ?"""
        self.sent = f"SELECT key, {columns} FROM {table} WHERE key > 0 ORDER BY key LIMIT ?"
        self.lease = f"UPDATE {table} SET attempts = attempts + 1, lease = ?, key = ? WHERE key = ?"
        self.next = f"""
            SELECT iif(EXISTS(SELECT 1 FROM {table} WHERE key > 0), {LEAST},
                ifnull((SELECT min(key) FROM {table} WHERE key BETWEEN {LEAST} AND 0), 0))"""

        self.ack = f"DELETE FROM {table} WHERE {held}"
        self.ack_whole = f'{self.ack} RETURNING "group", large'
        self.promote = f"""
            UPDATE {table} SET key = {free(f"{table}.key - {BLOCKED}")}
            WHERE key < {LEAST} AND key = (
                SELECT key FROM {table} WHERE "group" = ? ORDER BY id LIMIT 1)"""
        self.extend = f"UPDATE {table} SET key = {free('?3')} WHERE {held} RETURNING key"
        self.hand_back = f"UPDATE {table} SET key = {last}, lease = NULL WHERE {held} RETURNING key"

        self.purge_large = f"DELETE FROM large WHERE id IN (SELECT large FROM {table})"
        self.purge = f"DELETE FROM {table}"
        # Each range is read once: a sixth of the time that one query takes which tells rows apart.
        self.stats = f"""
            SELECT sent + due, leased, later - leased + blocked, min(ifnull(a, b), ifnull(b, a))
            FROM (SELECT count(*) AS sent, min(id) AS a FROM {table} WHERE key > 0),
                (SELECT count(*) AS due, min(id) AS b FROM {table}
                    WHERE key BETWEEN {LEAST} AND ?1),
                (SELECT count(*) AS later, count(lease) AS leased FROM {table}
                    WHERE key > ?1 AND key < 0),
                (SELECT count(*) AS blocked FROM {table} WHERE key < {LEAST})"""

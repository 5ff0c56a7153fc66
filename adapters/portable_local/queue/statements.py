"""What is said to SQLite, in its words."""

from __future__ import annotations

from portable_local.queue.file import BLOCKED

SEND = """
    INSERT INTO message(queue, visible_at, id, sent_at, "group", attributes, body)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
SEND_IN_GROUP = f"""
    INSERT INTO message(queue, visible_at, id, sent_at, "group", attributes, body)
    VALUES (?1, ?2 + {BLOCKED} * EXISTS(
        SELECT 1 FROM message WHERE queue = ?1 AND "group" = ?5), ?3, ?4, ?5, ?6, ?7)"""
SEND_LARGE = "INSERT INTO large(id, body) VALUES (?, ?)"
LAST_OF_GROUP = 'SELECT max(id) FROM message WHERE queue = ? AND "group" = ?'
SENT_BEFORE = "SELECT message FROM sent WHERE queue = ? AND dedup_id = ? AND until > ?"
REMEMBER = "REPLACE INTO sent(queue, dedup_id, message, until) VALUES (?, ?, ?, ?)"
FORGET = "DELETE FROM sent WHERE until <= ?"

COLUMNS = """
    id, coalesce(body, (SELECT large.body FROM large WHERE large.id = message.id)), attributes,
    attempts, sent_at, "group" """
# (visible_at, id) IN (SELECT …) would look at all that are visible since the same time as one of them.
_DUE = "FROM message WHERE queue = ?1 AND visible_at <= ?2 ORDER BY visible_at, id LIMIT"
DUE = f"SELECT visible_at, {COLUMNS} {_DUE} ?3"
_LEASE = "UPDATE message SET attempts = attempts + 1, lease = ?3, visible_at = ?4 WHERE queue = ?1"
LEASE = f"{_LEASE} AND visible_at = ?5 AND id = ?6"
LEASE_NEXT = f"""
    {_LEASE} AND (visible_at, id) = (SELECT visible_at, id {_DUE} 1) RETURNING {COLUMNS}"""
NEXT = """
    SELECT (SELECT visible_at FROM message WHERE queue = name ORDER BY visible_at LIMIT 1)
    FROM queue WHERE name = ?"""

# Whoever holds a lease knows until when, and so where the message is.
_HELD = "queue = ?1 AND visible_at = ?2 AND id = ?3 AND lease = ?4"
ACK = f"DELETE FROM message WHERE {_HELD}"
ACK_IN_GROUP = f'{ACK} RETURNING "group"'
EXTEND = f"UPDATE message SET visible_at = ?5, lease = iif(?6, lease, NULL) WHERE {_HELD}"
PROMOTE = f"""
    UPDATE message SET visible_at = visible_at - {BLOCKED}
    WHERE queue = ?1 AND visible_at >= {BLOCKED} AND (visible_at, id) = (
        SELECT visible_at, id FROM message WHERE queue = ?1 AND "group" = ?2 ORDER BY id LIMIT 1)"""
PROMOTE_ALL = f"""
    UPDATE message SET visible_at = visible_at - {BLOCKED}
    WHERE queue = ?1 AND visible_at >= {BLOCKED} AND id IN (
        SELECT min(id) FROM message WHERE queue = ?1 AND "group" IS NOT NULL GROUP BY "group")"""

# Two ranges of the table, each read once: with all messages visible a sixth of the time that one
# query takes which tells them apart row by row.
STATS = f"""
    SELECT visible, hidden, held, oldest
    FROM queue, (
        SELECT count(*) AS visible, min(sent_at) AS oldest
        FROM message WHERE queue = ?1 AND visible_at <= ?2
    ), (
        SELECT count(*) AS hidden, count(lease) FILTER (WHERE visible_at < {BLOCKED}) AS held
        FROM message WHERE queue = ?1 AND visible_at > ?2
    )
    WHERE name = ?1"""
OLD = "SELECT visible_at, id FROM message WHERE queue = ?1 AND sent_at <= ?2 LIMIT ?3"
REMOVE = "DELETE FROM message WHERE queue = ?1 AND visible_at = ?2 AND id = ?3"

"""What is said to SQLite, in its words."""

from __future__ import annotations

from portable_local.queue.file import BLOCKED

# Ids are microseconds, or one more than the last: none is used again, and a counter in a table of
# its own would be one more page to write for each message.
_ID = "max(?1, 1 + coalesce((SELECT max(id) FROM message), 0))"
SEND = f"""
    INSERT INTO message(id, queue, visible_at, sent_at, "group", attributes, body)
    VALUES ({_ID}, ?2, ?3, ?4, ?5, ?6, ?7)"""
SEND_IN_GROUP = f"""
    INSERT INTO message(id, queue, visible_at, sent_at, "group", attributes, body)
    VALUES ({_ID}, ?2, ?3 + {BLOCKED} * EXISTS(
        SELECT 1 FROM message WHERE queue = ?2 AND "group" = ?5), ?4, ?5, ?6, ?7)"""
SENT_BEFORE = "SELECT message FROM sent WHERE queue = ? AND dedup_id = ? AND until > ?"
REMEMBER = "REPLACE INTO sent(queue, dedup_id, message, until) VALUES (?, ?, ?, ?)"
FORGET = "DELETE FROM sent WHERE until <= ?"
DUE = "SELECT id FROM message WHERE queue = ? AND visible_at <= ? ORDER BY visible_at, id LIMIT ?"
COLUMNS = 'id, body, attributes, attempts, sent_at, "group"'
LEASE = f"""
    UPDATE message SET attempts = attempts + 1, lease = ?, visible_at = ?
    WHERE id IN ({DUE}) RETURNING {COLUMNS}"""
LEASE_ONE = LEASE.replace(f"IN ({DUE})", f"= ({DUE.replace('LIMIT ?', 'LIMIT 1')})")
PEEK = f"SELECT {COLUMNS} FROM message WHERE id IN ({DUE}) ORDER BY visible_at, id"
NEXT = """
    SELECT (SELECT visible_at FROM message WHERE queue = name ORDER BY visible_at LIMIT 1)
    FROM queue WHERE name = ?"""
HELD = "id IN ({}) AND lease = ? AND queue = ? AND visible_at > ?"
ACK = f'DELETE FROM message WHERE {HELD} RETURNING id, "group"'
ACK_ONE = f"DELETE FROM message WHERE {HELD.replace('IN ({})', '= ?')}"
EXTEND = f'UPDATE message SET visible_at = ?, lease = iif(?, lease, NULL) WHERE {HELD} RETURNING id, "group"'
PROMOTE = f"""
    UPDATE message SET visible_at = visible_at - {BLOCKED}
    WHERE id = (SELECT min(id) FROM message WHERE queue = ? AND "group" = ?)
    AND visible_at >= {BLOCKED}"""
PROMOTE_ALL = f"""
    UPDATE message SET visible_at = visible_at - {BLOCKED}
    WHERE queue = ?1 AND visible_at >= {BLOCKED} AND id IN (
        SELECT min(id) FROM message WHERE queue = ?1 AND "group" IS NOT NULL GROUP BY "group")"""
STATS = f"""
    SELECT
        (SELECT count(*) FROM message WHERE queue = name AND visible_at <= ?2),
        (SELECT count(*) FROM message WHERE queue = name AND visible_at > ?2),
        (SELECT count(lease) FROM message
            WHERE queue = name AND visible_at > ?2 AND visible_at < {BLOCKED}),
        (SELECT sent_at FROM message WHERE id = (
            SELECT min(id) FROM message WHERE queue = name AND visible_at <= ?2))
    FROM queue WHERE name = ?1"""
PURGE = """
    DELETE FROM message WHERE id IN (SELECT id FROM message WHERE queue = ? AND id <= ? LIMIT ?)"""

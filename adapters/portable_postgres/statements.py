"""What is said to PostgreSQL, in its words."""

from __future__ import annotations

from portable_sql.rows import DEDUP_SECONDS

LAYOUT = 1
LAYOUT_LOCK = 0x504F5251  # an advisory lock: who makes tables does so alone
# Added to the time of a message that waits for another of its group: some 10,000 years.
_BLOCKED = "interval '87600000 hours'"
_IS_BLOCKED = f"visible_at >= statement_timestamp() + {_BLOCKED} / 2"
_COLUMNS = 'id, body, attributes, attempts, extract(epoch FROM sent_at)::float8, message."group"'

_TABLES = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.layout(version int PRIMARY KEY);
INSERT INTO {schema}.layout(version)
    SELECT {layout} WHERE NOT EXISTS (SELECT FROM {schema}.layout);
CREATE TABLE IF NOT EXISTS {schema}.queue(name text PRIMARY KEY);
CREATE TABLE IF NOT EXISTS {schema}.message(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text NOT NULL REFERENCES {schema}.queue(name) ON DELETE CASCADE,
    visible_at timestamptz NOT NULL,
    lease bigint,
    attempts int NOT NULL DEFAULT 0,
    sent_at timestamptz NOT NULL,
    "group" text,
    token text NOT NULL UNIQUE,
    attributes text NOT NULL,
    body bytea NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX IF NOT EXISTS message_due ON {schema}.message(queue, visible_at, id);
CREATE INDEX IF NOT EXISTS message_group
    ON {schema}.message(queue, "group", id) WHERE "group" IS NOT NULL;
CREATE TABLE IF NOT EXISTS {schema}.sent(
    queue text NOT NULL REFERENCES {schema}.queue(name) ON DELETE CASCADE,
    dedup_id text NOT NULL,
    message bigint NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY(queue, dedup_id)
);
CREATE INDEX IF NOT EXISTS sent_until ON {schema}.sent(until);
"""


class Statements:
    """For tables in one schema, whose name is a plain identifier."""

    def __init__(self, schema: str) -> None:
        queue, message, sent = (f"{schema}.{table}" for table in ("queue", "message", "sent"))
        held = "lease = given.secret AND message.id = given.id AND queue = %(queue)s"
        held += " AND visible_at > statement_timestamp()"
        given = "unnest(%(ids)s::bigint[], %(secrets)s::bigint[]) AS given(id, secret)"
        due = f"""
            SELECT id FROM {message}
            WHERE queue = %(queue)s AND visible_at <= statement_timestamp()
            ORDER BY visible_at, id LIMIT %(limit)s"""

        self.tables = _TABLES.format(schema=schema, layout=LAYOUT)
        self.layout = f"SELECT version FROM {schema}.layout"
        self.create = f"INSERT INTO {queue}(name) VALUES (%(queue)s) ON CONFLICT DO NOTHING"
        self.delete = f"DELETE FROM {queue} WHERE name = %(queue)s"
        self.send = f"""
            WITH sent AS (
                INSERT INTO {message}(
                    queue, visible_at, sent_at, "group", token, attributes, body)
                SELECT %(queue)s, statement_timestamp() + make_interval(secs => delay),
                    statement_timestamp(), NULL, token, attributes, body
                FROM unnest(%(delays)s::float8[], %(tokens)s::text[], %(attributes)s::text[],
                    %(bodies)b::bytea[]) WITH ORDINALITY AS given(
                    delay, token, attributes, body, number)
                ORDER BY number
                ON CONFLICT (token) DO NOTHING RETURNING id, token)
            SELECT token, id FROM sent UNION ALL SELECT '', 0 FROM pg_notify(%(bell)s, %(queue)s)
            """
        self.send_in_group = f"""
            INSERT INTO {message}(queue, visible_at, sent_at, "group", token, attributes, body)
            SELECT %(queue)s, statement_timestamp() + make_interval(secs => %(delay)s)
                + CASE WHEN EXISTS(SELECT FROM {message}
                    WHERE queue = %(queue)s AND "group" = %(group)s)
                THEN {_BLOCKED} ELSE interval '0' END,
                statement_timestamp(), %(group)s, %(token)s, %(attributes)s, %(body)b
            ON CONFLICT (token) DO NOTHING RETURNING id"""
        self.by_token = f"SELECT token, id FROM {message} WHERE token = ANY(%(tokens)s::text[])"
        self.ring = "SELECT pg_notify(%(bell)s, %(queue)s)"
        self.listen = f'LISTEN "{schema}_queue"'
        self.bell = f"{schema}_queue"
        self.forget = f"DELETE FROM {sent} WHERE until <= statement_timestamp()"
        self.claim = f"""
            INSERT INTO {sent} AS known(queue, dedup_id, message, until)
            VALUES (%(queue)s, %(dedup_id)s, 0,
                statement_timestamp() + interval '{DEDUP_SECONDS:.0f} seconds')
            ON CONFLICT (queue, dedup_id) DO UPDATE SET message = 0, until = excluded.until
            WHERE known.until <= statement_timestamp() RETURNING true"""
        self.remember = f"""
            UPDATE {sent} SET message = %(message)s
            WHERE queue = %(queue)s AND dedup_id = %(dedup_id)s"""
        self.sent_before = f"""
            SELECT message FROM {sent} WHERE queue = %(queue)s AND dedup_id = %(dedup_id)s"""
        # Who adds to a group and who removes from it take turns, else neither might see that the
        # next message is free. A purge takes turns with all who add to some group.
        self.lock_queue = """
            SELECT pg_advisory_xact_lock_shared(hashtextextended(%(bell)s || %(queue)s, 1))"""
        self.lock_queue_alone = self.lock_queue.replace("_shared", "")
        self.lock_groups = """
            SELECT pg_advisory_xact_lock(key) FROM (
                SELECT DISTINCT hashtextextended(%(bell)s || %(queue)s || name, 2) AS key
                FROM unnest(%(groups)s::text[]) AS name ORDER BY key) AS keys"""
        self.lease = f"""
            WITH due AS MATERIALIZED ({due} FOR UPDATE SKIP LOCKED)
            UPDATE {message} AS message SET attempts = attempts + 1, lease = %(secret)s,
                visible_at = statement_timestamp() + make_interval(secs => %(lease)s)
            FROM due WHERE message.id = due.id
            RETURNING message.{_COLUMNS}"""
        self.peek = f"""
            SELECT {_COLUMNS} FROM {message} AS message WHERE id IN ({due})
            ORDER BY visible_at, id"""
        self.next = f"""
            SELECT (SELECT extract(epoch FROM visible_at - clock_timestamp())::float8
                FROM {message} WHERE queue = name ORDER BY visible_at LIMIT 1)
            FROM {queue} WHERE name = %(queue)s"""
        self.ack = f"""
            DELETE FROM {message} AS message USING {given} WHERE message.{held}
            RETURNING message.id, given.secret, "group\""""
        self.extend = f"""
            UPDATE {message} AS message
            SET visible_at = statement_timestamp() + make_interval(secs => %(lease)s),
                lease = CASE WHEN %(lease)s > 0 THEN lease END
            FROM {given} WHERE message.{held} RETURNING message.id, given.secret, "group\""""
        self.promote = f"""
            UPDATE {message} SET visible_at = visible_at - {_BLOCKED}
            WHERE {_IS_BLOCKED} AND id IN (
                SELECT min(id) FROM {message} WHERE queue = %(queue)s AND "group" = ANY(%(groups)s)
                GROUP BY "group")"""
        self.stats = f"""
            SELECT
                (SELECT count(*) FROM {message}
                    WHERE queue = name AND visible_at <= statement_timestamp()),
                (SELECT count(*) FROM {message}
                    WHERE queue = name AND visible_at > statement_timestamp()),
                (SELECT count(lease) FROM {message}
                    WHERE queue = name AND visible_at > statement_timestamp()
                    AND NOT {_IS_BLOCKED}),
                (SELECT extract(epoch FROM statement_timestamp() - min(sent_at))::float8
                    FROM {message} WHERE queue = name AND visible_at <= statement_timestamp())
            FROM {queue} WHERE name = %(queue)s"""
        self.purge = f"DELETE FROM {message} WHERE queue = %(queue)s"

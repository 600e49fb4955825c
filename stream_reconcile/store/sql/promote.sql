-- Putting the derived tables of a replay in the place of the live ones, and what hangs on these. {live} and {replay}
-- stand for the names of the two schemas.

-- name: bound_to
-- What is bound to the live tables themselves, not to their names, and can't be carried over by a program.
WITH tables AS (
    SELECT c.oid, c.relname, c.reltype
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %(live)s AND c.relname = ANY(%(tables)s)
)
SELECT 'materialized view ' || (v.oid::regclass)::text
FROM tables t
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
JOIN pg_catalog.pg_class v ON v.oid = w.ev_class AND v.relkind = 'm'
UNION
SELECT 'function ' || (d.objid::regprocedure)::text
FROM tables t
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
WHERE d.classid = 'pg_proc'::regclass
UNION
SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
FROM tables t
JOIN pg_catalog.pg_type y ON y.oid = t.reltype
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (y.oid, y.typarray)
WHERE d.deptype = 'n'
UNION
SELECT 'foreign key ' || k.conname || ' of ' || (k.conrelid::regclass)::text
FROM tables t JOIN pg_catalog.pg_constraint k ON k.contype = 'f' AND t.oid IN (k.confrelid, k.conrelid)
UNION
SELECT 'trigger ' || g.tgname || ' on ' || t.relname
FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
UNION
SELECT 'policy ' || p.polname || ' on ' || t.relname
FROM tables t JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
UNION
SELECT 'publication ' || p.pubname || ' of ' || t.relname
FROM tables t
JOIN pg_catalog.pg_publication_rel r ON r.prrelid = t.oid
JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
UNION
SELECT 'inheritance of ' || t.relname
FROM tables t JOIN pg_catalog.pg_inherits i ON t.oid IN (i.inhparent, i.inhrelid)
ORDER BY 1

-- name: derived_only_in_one
-- Migrations of derived tables that only one of the two schemas has had, and whether that is the live one.
SELECT coalesce(l.name, r.name), r.name IS NULL
FROM (SELECT name FROM {live}.migration_history WHERE name ~ '^[0-9]+_derived') l
FULL JOIN (SELECT name FROM {replay}.migration_history WHERE name ~ '^[0-9]+_derived') r ON r.name = l.name
WHERE l.name IS NULL OR r.name IS NULL
ORDER BY 1
LIMIT 1

-- name: views_on
-- Views made of the live tables, as text that names them without their schema, and with their options.
SELECT DISTINCT n.nspname, v.relname, pg_catalog.pg_get_viewdef(v.oid) AS text, v.reloptions::text[] AS options
FROM pg_catalog.pg_class t
JOIN pg_catalog.pg_namespace s ON s.oid = t.relnamespace
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
JOIN pg_catalog.pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
JOIN pg_catalog.pg_class v ON v.oid = w.ev_class AND v.relkind = 'v'
JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace
WHERE s.nspname = %(live)s AND t.relname = ANY(%(tables)s)
ORDER BY 1, 2

-- name: indexes_missing
-- Indexes that people have made on live tables, as text that names these without their schema.
SELECT i.relname, pg_catalog.pg_get_indexdef(i.oid, 0, true)
FROM pg_catalog.pg_class t
JOIN pg_catalog.pg_namespace s ON s.oid = t.relnamespace
JOIN pg_catalog.pg_index x ON x.indrelid = t.oid
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
WHERE s.nspname = %(live)s AND t.relname = ANY(%(tables)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_class o JOIN pg_catalog.pg_namespace r ON r.oid = o.relnamespace
                  WHERE r.nspname = %(replay)s AND o.relname = i.relname)
ORDER BY 1

-- name: rights_on
-- What each role may do with a table; column null: with all of it. Its owner's own rights are left out.
SELECT CASE WHEN a.grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee) END, a.privilege_type,
       a.is_grantable, NULL::text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND a.grantee <> c.relowner
UNION ALL
SELECT CASE WHEN a.grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee) END, a.privilege_type,
       a.is_grantable, t.attname::text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid AND t.attacl IS NOT NULL
CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) a
WHERE n.nspname = %(schema)s AND c.relname = %(table)s AND a.grantee <> c.relowner
ORDER BY 1, 2, 4

-- name: owner_of
-- Who owns a table.
SELECT tableowner FROM pg_catalog.pg_tables WHERE schemaname = %(schema)s AND tablename = %(table)s

-- name: lock_schema
-- Keeps out apply of the live schema, at the place where each of its transactions begins.
SELECT pg_advisory_xact_lock(hashtextextended('stream-reconcile.' || %(live)s, 0))

-- name: lock_cursors
-- The live cursor rows: no claim and no rewind moves them meanwhile.
SELECT topic, partition, max_offset, topic_id, next_offset, epoch, owner
FROM {live}.stream_cursors
WHERE consumer_group = %(group)s
ORDER BY topic, partition
FOR UPDATE

-- name: move_cursors
-- The live cursors to where the replay's rows go, group and owner as they are, under a new epoch: members take that for a
-- rewind. The highest offset stays, so that nobody takes the database for a restored one.
UPDATE {live}.stream_cursors c
SET next_offset = r.next_offset,
    max_offset = CASE WHEN c.topic_id = r.topic_id THEN greatest(c.max_offset, r.next_offset) ELSE r.next_offset END,
    epoch = greatest(c.epoch + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint),
    leader_epoch = coalesce(r.leader_epoch, c.leader_epoch), cluster_id = r.cluster_id, topic_id = r.topic_id,
    last_record_at = coalesce(r.last_record_at, c.last_record_at)
FROM {replay}.stream_cursors r
WHERE c.consumer_group = %(group)s AND r.consumer_group = %(replay_group)s
  AND r.topic = c.topic AND r.partition = c.partition
RETURNING c.topic, c.partition, c.next_offset, c.epoch

-- name: close_applied_letters
-- The discrepancies F2 of records that the replay could apply.
UPDATE {live}.discrepancies d
SET state = 'resolved', resolved_at = now(), last_seen_at = now(), resolution = 'applied by a replay that was promoted',
    resolved_by = %(who)s
WHERE d.type = 'undecodable' AND d.state = 'open'
  AND NOT EXISTS (SELECT FROM {live}.dead_letters l
                  WHERE l.topic || ':' || l.partition || ':' || l."offset" = d.subject AND l.resolved_at IS NULL)

-- name: open_new_letters
-- The discrepancies F2 of records that the replay could not apply. What a person accepted or a sweep made up for stays
-- over, though its letter stays open; what had been applied, and is not in these tables, is opened again.
INSERT INTO {live}.discrepancies (account_id, type, subject, evidence)
SELECT l.account_id, 'undecodable', l.topic || ':' || l.partition || ':' || l."offset",
       jsonb_build_object('broker', NULL, 'ours', jsonb_build_object('reason', l.reason, 'topic_id', l.topic_id))
FROM {live}.dead_letters l
WHERE l.resolved_at IS NULL
  AND NOT EXISTS (
      SELECT FROM {live}.discrepancies k
      WHERE k.account_id = l.account_id AND k.type = 'undecodable'
        AND k.subject = l.topic || ':' || l.partition || ':' || l."offset" AND k.state <> 'open'
        AND k.evidence = jsonb_build_object('broker', NULL, 'ours', jsonb_build_object('reason', l.reason, 'topic_id', l.topic_id))
        AND (k.state = 'accepted'
             OR k.resolution NOT IN ('applied by a retry', 'applied by a replay that was promoted'))
  )
ON CONFLICT (account_id, type, subject) WHERE state = 'open' DO NOTHING

-- name: note_action
-- Who promoted what, and why.
INSERT INTO {live}.operator_actions (action, subject, who, why, before, after, finished_at)
VALUES ('replay_promote', %(subject)s, %(who)s, %(why)s, %(before)s, %(after)s, clock_timestamp())
RETURNING action_id

-- name: note_promoted
-- The schema holds from now on what was live.
UPDATE {replay}.replay_state SET promoted_at = clock_timestamp(), starts = '{{}}', lost = '[]'

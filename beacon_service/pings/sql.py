"""The statements of the ping path: twelve at most for a step, whatever the batch's size.

Arrays go in and are unnested, so that a statement takes a hundred pings as it takes one. A step draws one number
of `step_seq`, after its last lock; the rows it writes carry that number plus the place of their cause.
"""

# Held to the commit: a configuration edit waits for whoever decides by the version before it.
FIND_INSTALLATIONS = """
WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%(lock)b))
SELECT key, id, customer_key, token_hash, revoked_at IS NOT NULL
FROM installations, held WHERE id = ANY(%(ids)b::text[])
"""

LOCK_CUSTOMERS = """
SELECT key, id, anonymous, attributes, marketing, memory, location, events, lists
FROM customers WHERE key = ANY(%(customers)b::bigint[]) ORDER BY key FOR UPDATE
"""

# Looked up row by row, whatever the planner held of the tables when it planned this, once and for all.
READ_INSTALLATIONS = """
SELECT i.key, i.id, i.customer_key, i.location,
    (SELECT state FROM presence WHERE installation_key = i.key), (SELECT version FROM catalogue), i.model,
    i.locale, i.time_zone
FROM installations i WHERE i.key = ANY(%(installations)b::bigint[])
"""

# Up to tomorrow, since at midnight another server's clock may be ahead; partitions are made for weeks ahead, and each
# that is not ruled out is looked at.
FIND_PINGS = """
SELECT asked.installation_key, asked.ping_id, p.content_hash, p.answer
FROM unnest(%(installations)b::bigint[], %(ids)b::text[]) AS asked (installation_key, ping_id)
CROSS JOIN LATERAL (
    SELECT content_hash, answer FROM pings
    WHERE installation_key = asked.installation_key AND ping_id = asked.ping_id
        AND received_on > %(since)b::date AND received_on <= %(until)b::date
    LIMIT 1
) AS p
"""

READ_LEDGER = """
SELECT customer_key, campaign, arm, site, policy, decided_at, open, outcomes, offer_id, tags, channel
FROM grants
WHERE customer_key = ANY(%(customers)b::bigint[]) AND decided_at >= %(since)b::timestamptz
ORDER BY customer_key
"""

# How many codes a pool has is known to its row alone; of all others the limit is the configuration's.
LOCK_TALLIES = """
SELECT key, used + late, CASE WHEN starts_with(key, 'codes:') THEN ceiling END
FROM tallies WHERE key = ANY(%(keys)b::text[]) ORDER BY key FOR UPDATE
"""

# Counted for each asked key by the index that fits it; `most` bounds what a rolling cap has to look at. A site without
# a name is none: what was given after events and absences.
_RELEVANT = """
            AND g.decided_at > coalesce(asked.after_at, '-infinity')
            AND g.decided_at >= coalesce(asked.start_at, '-infinity')
            AND (asked.site IS NULL OR coalesce(g.site, '') = asked.site)
            AND (asked.offer IS NULL OR g.offer_id = asked.offer)
            AND (asked.tag IS NULL OR asked.tag = ANY(g.tags))
            AND (asked.channel IS NULL OR g.channel = asked.channel)
            AND (asked.mask = 0 OR g.open OR g.outcomes & asked.mask <> 0)
        ORDER BY g.decided_at DESC LIMIT asked.most) AS newest)
"""
_COUNT = f"""
CASE WHEN asked.campaign IS NULL THEN (
    SELECT count(*) FROM (
        SELECT FROM grants g WHERE g.arm = 'offered' AND g.policy {_RELEVANT}
WHEN asked.money THEN (
    SELECT coalesce(sum(cost), 0)::bigint FROM (
        SELECT g.cost FROM grants g WHERE g.arm = 'offered' AND g.campaign = asked.campaign {_RELEVANT}
ELSE (
    SELECT count(*) FROM (
        SELECT FROM grants g WHERE g.arm = 'offered' AND g.campaign = asked.campaign {_RELEVANT}
END
"""
_ASKED = """
unnest(
    %(keys)b::text[], %(campaigns)b::text[], %(sites)b::text[], %(offers)b::text[], %(tags)b::text[],
    %(channels)b::text[], %(after)b::timestamptz[], %(start)b::timestamptz[], %(masks)b::smallint[],
    %(most)b::bigint[], %(money)b::boolean[]
) AS asked (key, campaign, site, offer, tag, channel, after_at, start_at, mask, most, money)
"""
COUNT_GRANTS = f"SELECT asked.key, {_COUNT} FROM {_ASKED}"
ADD_TALLIES = f"""
INSERT INTO tallies (key, used, ceiling)
SELECT counted.key, counted.used, counted.used
FROM (SELECT asked.key, {_COUNT} AS used FROM {_ASKED}) AS counted
ORDER BY counted.key
ON CONFLICT (key) DO NOTHING
"""

# Grants older than a new row join what it counts, so that their release gives back and their late outcomes add.
ADOPT_GRANTS = """
UPDATE grants SET charged = charged || jsonb_build_array(
    jsonb_build_array(%(key)b::text, %(counts)b::text, CASE WHEN %(money)b::boolean THEN cost ELSE 1 END))
WHERE arm = 'offered'
    AND CASE WHEN %(campaign)b::text IS NULL THEN policy ELSE campaign = %(campaign)b::text END
    AND decided_at >= coalesce(%(start)b::timestamptz, '-infinity')
    AND (%(site)b::text IS NULL OR coalesce(site, '') = %(site)b::text)
    AND (%(offer)b::text IS NULL OR offer_id = %(offer)b::text)
    AND (%(tag)b::text IS NULL OR %(tag)b::text = ANY(tags))
    AND (%(channel)b::text IS NULL OR channel = %(channel)b::text)
    AND NOT EXISTS (SELECT FROM jsonb_array_elements(charged) AS claim WHERE claim ->> 0 = %(key)b::text)
"""

# Each ping puts off the end of its stays. The wake-up stays where it was, for the tick to put off: a changed `tick_at`
# would cost every ping an entry in two indexes.
SAVE_PINGS = """
WITH drawn AS MATERIALIZED (SELECT nextval('step_seq') AS seq),
stored AS (
    INSERT INTO pings (
        received_on, installation_key, ping_id, customer_key, seq, status, at, offset_ms, now,
        catalogue_version, seed, content_hash, body, fix, answer)
    SELECT %(today)b::date, given.installation_key, given.ping_id, given.customer_key, drawn.seq + given.place - 1,
        given.status, given.at, given.offset_ms, %(now)b::timestamptz, %(version)b::bigint, given.seed,
        given.content_hash, given.body, given.fix, given.answer
    FROM drawn, unnest(
        %(installations)b::bigint[], %(ping_ids)b::text[], %(customers)b::bigint[], %(statuses)b::text[],
        %(ats)b::timestamptz[], %(offsets)b::bigint[], %(seeds)b::bigint[], %(hashes)b::bytea[],
        %(bodies)b::json[], %(fixes)b::json[], %(answers)b::json[]
    ) WITH ORDINALITY AS given (
        installation_key, ping_id, customer_key, status, at, offset_ms, seed, content_hash, body, fix, answer, place)
)
INSERT INTO presence (installation_key, state, tick_at, last_seq)
SELECT given.installation_key, given.state, given.tick_at, drawn.seq + given.place
FROM drawn, unnest(
    %(present)b::bigint[], %(states)b::json[], %(ticks)b::timestamptz[], %(places)b::bigint[]
) AS given (installation_key, state, tick_at, place)
ON CONFLICT (installation_key) DO UPDATE
SET state = excluded.state, last_seq = excluded.last_seq, tick_at = CASE
    WHEN presence.tick_at <= excluded.tick_at THEN presence.tick_at ELSE excluded.tick_at END
"""

REARM = """
UPDATE presence SET tick_at = given.tick_at
FROM unnest(%(installations)b::bigint[], %(ticks)b::timestamptz[]) AS given (installation_key, tick_at)
WHERE presence.installation_key = given.installation_key
    AND presence.installation_key = ANY(%(installations)b::bigint[])
"""

# A tick is no ping: it is logged among the changes, and draws the step's number there.
SAVE_TICKS = """
WITH drawn AS MATERIALIZED (SELECT nextval('step_seq') AS seq),
logged AS (
    INSERT INTO changes (seq, customer_key, kind, now, body)
    SELECT drawn.seq + given.place - 1, given.customer_key, 'tick', %(now)b::timestamptz, given.body
    FROM drawn, unnest(%(customers)b::bigint[], %(bodies)b::jsonb[])
        WITH ORDINALITY AS given (customer_key, body, place)
)
UPDATE presence SET state = given.state, tick_at = given.tick_at, last_seq = drawn.seq + given.place
FROM drawn, unnest(
    %(present)b::bigint[], %(states)b::json[], %(ticks)b::timestamptz[], %(places)b::bigint[]
) AS given (installation_key, state, tick_at, place)
WHERE presence.installation_key = given.installation_key AND presence.installation_key = ANY(%(present)b::bigint[])
"""

SAVE_MOVES = """
WITH remembered AS (
    UPDATE customers SET memory = given.memory, last_seq = currval('step_seq') + %(last)b::bigint,
        seen_on = CASE WHEN %(moved)b::boolean THEN %(now)b::timestamptz::date ELSE seen_on END
    FROM unnest(%(customers)b::bigint[], %(memories)b::json[]) AS given (key, memory)
    WHERE customers.key = given.key AND customers.key = ANY(%(customers)b::bigint[])
)
INSERT INTO moves (
    event_id, seq, customer_key, installation_key, site, zone, type, dwell_s, at, probability, confidence,
    cause, recorded_at)
SELECT event_id, currval('step_seq') + place, customer_key, installation_key, site, zone, type, dwell_s, at,
    probability, confidence, cause, %(now)b::timestamptz
FROM unnest(
    %(ids)b::uuid[], %(places)b::bigint[], %(owners)b::bigint[], %(installations)b::bigint[], %(sites)b::text[],
    %(zones)b::text[], %(types)b::text[], %(dwells)b::integer[], %(ats)b::timestamptz[],
    %(probabilities)b::real[], %(confidences)b::smallint[], %(causes)b::text[]
) AS given (
    event_id, place, customer_key, installation_key, site, zone, type, dwell_s, at, probability, confidence, cause)
"""

SAVE_DECISIONS = """
WITH granted AS (
    INSERT INTO grants (
        decision_id, campaign, moment_key, customer_key, offer_id, arm, site, policy, decided_at, seq, open,
        closes_at, charged, tags, channel, cost, code, slice)
    SELECT decision_id, campaign, moment_key, customer_key, offer_id, arm, site, policy, %(now)b::timestamptz,
        currval('step_seq') + place, arm = 'offered', closes_at, charged,
        ARRAY(SELECT jsonb_array_elements_text(tags)), channel, cost, code, slice
    FROM unnest(
        %(grant_decisions)b::uuid[], %(grant_campaigns)b::text[], %(grant_moments)b::uuid[],
        %(grant_customers)b::bigint[], %(grant_offers)b::text[], %(grant_arms)b::text[], %(grant_sites)b::text[],
        %(grant_policies)b::boolean[], %(grant_places)b::bigint[], %(grant_closes)b::timestamptz[],
        %(grant_charged)b::jsonb[], %(grant_tags)b::jsonb[], %(grant_channels)b::text[], %(grant_costs)b::bigint[],
        %(grant_codes)b::text[], %(grant_slices)b::text[]
    ) AS given (
        decision_id, campaign, moment_key, customer_key, offer_id, arm, site, policy, place, closes_at, charged,
        tags, channel, cost, code, slice)
)
INSERT INTO decisions (
    decision_id, moment_key, seq, customer_key, installation_key, site, zone, move, dwell_s, visit, at, decided_at,
    catalogue_version, code_version, seed, campaign, revision, offer_id, offer, channel, expires_at, reasons,
    counts, draws, refusals, scores, ping_received_on, ping_id, within_m)
SELECT decision_id, moment_key, currval('step_seq') + place, customer_key, installation_key, site, zone, move,
    dwell_s, visit, at, %(now)b::timestamptz, %(version)b::bigint, %(code)b::text, seed, campaign, revision,
    offer_id, offer, channel, expires_at, reasons, counts, draws, refusals, scores, ping_received_on, ping_id, within_m
FROM unnest(
    %(ids)b::uuid[], %(moments)b::uuid[], %(places)b::bigint[], %(customers)b::bigint[],
    %(installations)b::bigint[], %(sites)b::text[], %(zones)b::text[], %(moves)b::text[], %(dwells)b::integer[],
    %(visits)b::integer[], %(ats)b::timestamptz[], %(seeds)b::bigint[], %(campaigns)b::text[],
    %(revisions)b::integer[], %(offer_ids)b::text[], %(offers)b::jsonb[], %(channels)b::text[],
    %(expires)b::timestamptz[], %(reasons)b::jsonb[], %(counts)b::jsonb[], %(draws)b::jsonb[],
    %(refusals)b::jsonb[], %(scores)b::jsonb[], %(ping_days)b::date[], %(ping_ids)b::text[],
    %(withins)b::integer[]
) AS given (
    decision_id, moment_key, place, customer_key, installation_key, site, zone, move, dwell_s, visit, at, seed,
    campaign, revision, offer_id, offer, channel, expires_at, reasons, counts, draws, refusals, scores,
    ping_received_on, ping_id, within_m)
"""

# The check `used <= ceiling` is the last word: it fails the whole transaction if the engine was wrong.
SPEND_TALLIES = """
UPDATE tallies
SET used = used + given.amount, late = late + given.beside,
    ceiling = CASE WHEN given.amount > 0 THEN coalesce(given.limit_, ceiling) ELSE ceiling END,
    last_seq = currval('step_seq')
FROM unnest(%(keys)b::text[], %(amounts)b::bigint[], %(besides)b::bigint[], %(limits)b::bigint[])
    AS given (key, amount, beside, limit_)
WHERE tallies.key = given.key AND tallies.key = ANY(%(keys)b::text[])
"""

SAVE_WAITING = """
INSERT INTO waiting (key, campaign, customer_key, installation_key, due_at, body)
SELECT * FROM unnest(
    %(keys)b::uuid[], %(campaigns)b::text[], %(customers)b::bigint[], %(installations)b::bigint[],
    %(dues)b::timestamptz[], %(bodies)b::json[]
)
ON CONFLICT (key) DO NOTHING
"""

# A campaign that was away for a while looks again at absences that it has decided.
SAVE_UNDECIDED = """
INSERT INTO waiting (key, campaign, customer_key, installation_key, due_at, body)
SELECT given.* FROM unnest(
    %(keys)b::uuid[], %(campaigns)b::text[], %(customers)b::bigint[], %(installations)b::bigint[],
    %(dues)b::timestamptz[], %(bodies)b::json[]
) AS given (key, campaign, customer_key, installation_key, due_at, body)
WHERE NOT EXISTS (SELECT FROM decisions WHERE moment_key = given.key)
ON CONFLICT (key) DO NOTHING
RETURNING key
"""

# What waits for a phone of its customer that may be spoken to; of a place only where the phone may be located. A phone
# at most, and written so that it is looked up by its key: a server that lost its statistics in a crash would else
# compare each row with every phone, while customers are held.
_ITS_PHONE = """
(SELECT i.key, i.id, i.customer_key, i.token_hash FROM installations i
WHERE i.key = due.installation_key AND i.customer_key = due.customer_key AND i.revoked_at IS NULL
    AND (i.location OR coalesce(due.body #>> '{moment,site}', '') = '') LIMIT 1)
"""

# In the order in which they came due, so that nobody waits for ever behind others; `only` asks for one customer's.
DUE_WAITING = f"""
WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%(lock)b)),
due AS MATERIALIZED (
    SELECT w.customer_key, w.installation_key, w.due_at, w.body FROM held, waiting w
    WHERE w.due_at <= %(now)b::timestamptz AND (%(only)b::bigint IS NULL OR w.customer_key = %(only)b::bigint)
    ORDER BY w.due_at LIMIT %(most)b::bigint FOR UPDATE OF w SKIP LOCKED
)
SELECT phone.key, phone.id, phone.customer_key, phone.token_hash, false, due.body
FROM due CROSS JOIN LATERAL {_ITS_PHONE} AS phone JOIN customers c ON c.key = due.customer_key
ORDER BY due.due_at, c.key
FOR UPDATE OF c SKIP LOCKED
"""

# What is due for nobody any more; what others hold is looked at again. Phone and moment are read as of one instant, and
# the moment must still be the same when it is locked: both may just have been handed over to another customer.
END_VAIN = f"""
WITH due AS MATERIALIZED (
    SELECT key, customer_key, installation_key, body FROM waiting
    WHERE due_at <= %(now)b::timestamptz ORDER BY due_at LIMIT %(most)b::bigint
), vain AS MATERIALIZED (
    SELECT key, customer_key, installation_key FROM due WHERE NOT EXISTS (SELECT FROM {_ITS_PHONE} AS phone)
)
DELETE FROM waiting WHERE key IN (
    SELECT w.key FROM vain JOIN waiting w USING (key, customer_key, installation_key)
    FOR UPDATE OF w SKIP LOCKED
)
"""

END_WAITING = "DELETE FROM waiting WHERE key = ANY(%(keys)b::uuid[])"

# In the order in which they came due as well.
DUE_INSTALLATIONS = """
WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%(lock)b))
SELECT i.key, i.id, i.customer_key, i.token_hash, false
FROM held, presence p
JOIN installations i ON i.key = p.installation_key
JOIN customers c ON c.key = i.customer_key
WHERE p.tick_at <= %(now)b::timestamptz AND (%(only)b::bigint IS NULL OR c.key = %(only)b::bigint)
ORDER BY p.tick_at, i.key LIMIT %(most)b::bigint
FOR UPDATE OF c SKIP LOCKED
"""

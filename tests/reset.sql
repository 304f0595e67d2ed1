-- Returns a test database to what the migrations made: cheaper than a new copy of the template.
-- `remember` runs once after the copy, `restore` before each test.
CREATE SCHEMA pristine;

CREATE FUNCTION pristine.tables() RETURNS SETOF regclass LANGUAGE sql STABLE AS $$
    SELECT c.oid::regclass
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace
      AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition
      AND c.relname <> 'alembic_version'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
$$;

CREATE FUNCTION pristine.filled() RETURNS SETOF regclass LANGUAGE plpgsql AS $$
DECLARE
    candidate regclass;
    found boolean;
BEGIN
    FOR candidate IN SELECT pristine.tables() LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', candidate) INTO found;
        IF found THEN
            RETURN NEXT candidate;
        END IF;
    END LOOP;
END $$;

-- The rows that the migrations themselves insert.
CREATE TABLE pristine.seeds (name regclass PRIMARY KEY, rows jsonb NOT NULL);

CREATE FUNCTION pristine.remember() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    seeded regclass;
BEGIN
    FOR seeded IN SELECT pristine.filled() LOOP
        EXECUTE format('INSERT INTO pristine.seeds SELECT %L, jsonb_agg(to_jsonb(s)) FROM %s s', seeded, seeded);
    END LOOP;
END $$;

CREATE FUNCTION pristine.restore() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    emptied text;
    seed record;
BEGIN
    -- A test that died in the middle of a transaction would make TRUNCATE wait for ever.
    PERFORM pg_terminate_backend(pid, 2000)
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle';
    -- Triggers that guard append-only tables are not meant for us.
    SET LOCAL session_replication_role = replica;
    SELECT string_agg(name::text, ', ') INTO emptied FROM pristine.filled() AS name;
    IF emptied IS NOT NULL THEN
        EXECUTE 'TRUNCATE ' || emptied || ' RESTART IDENTITY CASCADE';
    END IF;
    FOR seed IN SELECT * FROM pristine.seeds LOOP
        EXECUTE format('INSERT INTO %s SELECT * FROM jsonb_populate_recordset(NULL::%s, $1)', seed.name, seed.name)
        USING seed.rows;
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename), start_value, false)
    FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$;

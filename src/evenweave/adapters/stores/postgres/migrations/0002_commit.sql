-- The batch transaction in one round trip. It is a function, because each statement of it waits for a round trip else,
-- and what a worker can do is bounded by how long its batches take. It is volatile: at READ COMMITTED each of its
-- statements sees what was committed before it began, so that looking again behind the locks does look again.
-- Plans are made while tables are empty and kept while they grow, so no statement leaves a choice: rows are looked up one
-- by one, by `lateral` with `offset 0` or in a loop. (An update joined with its new rows became quadratic.)
-- Its name ends with its version: one with other parameters is another function, beside it, for workers of both.

-- The number of a session's last committed batch: whether one whose answer was lost is there is no guess.
create table batches (
    tenant text not null,
    session text not null,
    number bigint not null,
    primary key (tenant, session)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

create function commit_batch_1(
    p_tenant text, p_session text, p_number bigint, p_now float8,
    p_definitions bigint, p_exclusive boolean, p_version bigint,
    p_event_key bytea[], p_event_digest bytea[], p_event_seen bigint,
    p_opened text[], p_revision bigint[],
    p_lock bigint[],
    p_unmatched_definition text[], p_unmatched_channel text[], p_unmatched_key text[],
    p_known_instance text[], p_known_activation bigint[], p_known_accept integer[],
    p_again_definition text[], p_again_key text[], p_again_instance text[],
    p_both_definition text[], p_both_channel text[], p_both_key text[],
    p_channel_definition text[], p_channel_channel text[],
    p_key_definition text[], p_key_key text[],
    p_known_kept bigint[],
    p_new_id text[], p_new_definition text[], p_new_version text[], p_new_digest text[], p_new_status text[],
    p_new_revision bigint[], p_new_started float8[], p_new_updated float8[], p_new_due float8[], p_new_parent text[],
    p_new_state bytea[],
    p_old_id text[], p_old_definition text[], p_old_version text[], p_old_digest text[], p_old_status text[],
    p_old_revision bigint[], p_old_updated float8[], p_old_due float8[], p_old_state bytea[],
    p_history_instance text[], p_history_revision bigint[], p_history_at float8[], p_history_causes bytea[],
    p_out_sequence bigint[], p_out_instance text[], p_out_channel text[], p_out_event bytea[],
    p_sent bigint[],
    p_position_channel text[], p_position_log text[], p_position_position bigint[],
    p_free_definition text[], p_free_key text[],
    p_claim_definition text[], p_claim_key text[], p_claim_instance text[],
    p_forget_instance text[], p_forget_activation bigint[], p_forget_accept integer[],
    p_listen_definition text[], p_listen_channel text[], p_listen_key text[], p_listen_instance text[],
    p_listen_activation bigint[], p_listen_accept integer[],
    p_unkept bigint[],
    p_kept_sequence bigint[], p_kept_definition text[], p_kept_channel text[], p_kept_key text[],
    p_kept_expires float8[], p_kept_event bytea[],
    p_unheld bigint[],
    p_held_sequence bigint[], p_held_instance text[], p_held_kind text[], p_held_channel text[], p_held_cause bytea[],
    p_ended_instance text[], p_ended_activation bigint[],
    p_call_instance text[], p_call_activation bigint[], p_call_call bytea[]
) returns void language plpgsql volatile as $$
#variable_conflict use_column
declare
    v_count bigint;
    v_other bigint;
    v_instance text;
    v_row record;
begin
    update batches set number = p_number
    where tenant = p_tenant and session = p_session and number = p_number - 1;
    if not found then
        raise exception using errcode = 'EW003', message = 'the batch was given up before it was written';
    end if;
    -- Who changes definitions holds this alone.
    if p_exclusive then
        perform pg_advisory_xact_lock(p_definitions);
    else
        perform pg_advisory_xact_lock_shared(p_definitions);
    end if;
    if p_version is not null then
        select version into v_count from definitions_versions where tenant = p_tenant;
        if coalesce(v_count, 0) <> p_version then
            raise exception using errcode = 'EW001', message = 'the definitions are other ones meanwhile';
        end if;
    end if;

    -- 1. Events that are new.
    if cardinality(p_event_key) > 0 then
        select count(*) into v_other from (select distinct key from unnest(p_event_key) as n (key)) as n,
            lateral (select 1 from dedupe d where d.tenant = p_tenant and d.key = n.key offset 0) as d;
        insert into dedupe (tenant, key, digest, at)
        select p_tenant, n.key, n.digest, p_now from unnest(p_event_key, p_event_digest) as n (key, digest)
        on conflict do nothing;
        get diagnostics v_count = row_count;
        if v_count <> cardinality(p_event_key) or v_other <> p_event_seen then
            raise exception using errcode = 'EW001', message = 'another worker took an event meanwhile';
        end if;
    end if;

    -- 2. Instances as they were.
    if cardinality(p_opened) > 0 then
        -- They are sorted, and locked as they come.
        select q.id into v_instance
        from unnest(p_opened, p_revision) as q (id, revision) left join lateral (
            select i.revision from instances i where i.tenant = p_tenant and i.id = q.id offset 0 for no key update
        ) as i on true
        where coalesce(i.revision, 0) <> q.revision limit 1;
        if found then
            raise exception using errcode = 'EW001',
                message = 'another worker moved an instance meanwhile', detail = v_instance;
        end if;
    end if;

    -- 3. Keys, in a statement of its own; then look again.
    if cardinality(p_lock) > 0 then
        perform pg_advisory_xact_lock(n.number) from unnest(p_lock) as n (number);
    end if;
    if cardinality(p_unmatched_key) > 0 and exists (
        select 1
        from unnest(p_unmatched_definition, p_unmatched_channel, p_unmatched_key) as q (definition, channel, key),
        lateral (
            select * from waits w
            where w.tenant = p_tenant and w.definition = q.definition and w.channel = q.channel and w.key = q.key
            offset 0
        ) as w
        where (w.instance, w.activation, w.accept) not in (
            select * from unnest(p_known_instance, p_known_activation, p_known_accept)
        )
    ) then
        raise exception using errcode = 'EW001', message = 'somebody waits for an event meanwhile';
    end if;
    if cardinality(p_again_key) > 0 and exists (
        select 1 from unnest(p_again_definition, p_again_key, p_again_instance) as q (definition, key, instance)
        left join lateral (
            select c.instance from correlations c
            where c.tenant = p_tenant and c.definition = q.definition and c.key = q.key offset 0
        ) as c on true
        where c.instance is distinct from q.instance
    ) then
        raise exception using errcode = 'EW001', message = 'another instance stands for a key meanwhile';
    end if;
    if cardinality(p_both_key) > 0 and exists (
        select 1 from unnest(p_both_definition, p_both_channel, p_both_key) as q (definition, channel, key),
        lateral (
            select k.sequence from kept k
            where k.tenant = p_tenant and k.definition = q.definition and k.channel = q.channel and k.key = q.key
            offset 0
        ) as k
        where k.sequence <> all (p_known_kept)
    ) or cardinality(p_channel_channel) > 0 and exists (
        select 1 from unnest(p_channel_definition, p_channel_channel) as q (definition, channel),
        lateral (
            select k.sequence from kept k
            where k.tenant = p_tenant and k.definition = q.definition and k.channel = q.channel offset 0
        ) as k
        where k.sequence <> all (p_known_kept)
    ) or cardinality(p_key_key) > 0 and exists (
        select 1 from unnest(p_key_definition, p_key_key) as q (definition, key),
        lateral (
            select k.sequence from kept k
            where k.tenant = p_tenant and k.definition = q.definition and k.key = q.key offset 0
        ) as k
        where k.sequence <> all (p_known_kept)
    ) then
        raise exception using errcode = 'EW001', message = 'an event was kept meanwhile';
    end if;

    -- 4. Write.
    if cardinality(p_new_id) > 0 then
        insert into instances
            (tenant, id, definition, version, digest, status, revision, started, updated, due, parent, state)
        select p_tenant, n.* from unnest(
            p_new_id, p_new_definition, p_new_version, p_new_digest, p_new_status, p_new_revision, p_new_started,
            p_new_updated, p_new_due, p_new_parent, p_new_state
        ) as n on conflict do nothing;
        get diagnostics v_count = row_count;
        if v_count <> cardinality(p_new_id)
            or exists (
                select 1 from unnest(p_new_id) as n (id),
                lateral (select 1 from tombstones t where t.tenant = p_tenant and t.instance = n.id offset 0) as t
            ) then
            raise exception using errcode = 'EW002', message = 'an instance was started meanwhile, or was there before';
        end if;
    end if;
    if cardinality(p_old_id) > 0 then
        for v_row in select * from unnest(
            p_old_id, p_old_definition, p_old_version, p_old_digest, p_old_status, p_old_revision, p_old_updated,
            p_old_due, p_old_state
        ) as n (id, definition, version, digest, status, revision, updated, due, state) loop
            update instances set definition = v_row.definition, version = v_row.version, digest = v_row.digest,
                status = v_row.status, revision = v_row.revision, updated = v_row.updated, due = v_row.due,
                state = v_row.state
            where tenant = p_tenant and id = v_row.id;
        end loop;
    end if;
    if cardinality(p_history_instance) > 0 then
        insert into history (tenant, instance, revision, at, causes)
        select p_tenant, n.* from unnest(p_history_instance, p_history_revision, p_history_at, p_history_causes) as n;
    end if;
    if cardinality(p_out_sequence) > 0 then
        insert into outbox (tenant, session, sequence, instance, channel, event)
        select p_tenant, p_session, n.* from unnest(p_out_sequence, p_out_instance, p_out_channel, p_out_event) as n;
    end if;
    if cardinality(p_sent) > 0 then
        delete from outbox where sequence = any (p_sent);
    end if;
    if cardinality(p_position_channel) > 0 then
        insert into positions (tenant, channel, log, position)
        select p_tenant, n.* from unnest(p_position_channel, p_position_log, p_position_position) as n
        on conflict (tenant, channel) do update set log = excluded.log, position = excluded.position;
    end if;
    if cardinality(p_free_key) > 0 then
        for v_row in select * from unnest(p_free_definition, p_free_key) as n (definition, key) loop
            delete from correlations
            where tenant = p_tenant and definition = v_row.definition and key = v_row.key;
        end loop;
    end if;
    if cardinality(p_claim_key) > 0 then
        insert into correlations (tenant, definition, key, instance)
        select p_tenant, n.* from unnest(p_claim_definition, p_claim_key, p_claim_instance) as n
        on conflict (tenant, definition, key) do update set instance = excluded.instance;
    end if;
    -- Those that go come first: a wait may have another key now.
    if cardinality(p_forget_instance) > 0 then
        for v_row in select *
        from unnest(p_forget_instance, p_forget_activation, p_forget_accept) as n (instance, activation, accept) loop
            delete from waits
            where tenant = p_tenant and instance = v_row.instance and activation = v_row.activation
                and accept = v_row.accept;
        end loop;
    end if;
    if cardinality(p_listen_instance) > 0 then
        insert into waits (tenant, definition, channel, key, instance, activation, accept)
        select p_tenant, n.* from unnest(
            p_listen_definition, p_listen_channel, p_listen_key, p_listen_instance, p_listen_activation, p_listen_accept
        ) as n;
    end if;
    if cardinality(p_unkept) > 0 then
        delete from kept where sequence = any (p_unkept);
        get diagnostics v_count = row_count;
        if v_count <> cardinality(p_unkept) then
            raise exception using errcode = 'EW001', message = 'another worker took a kept event meanwhile';
        end if;
    end if;
    if cardinality(p_kept_sequence) > 0 then
        insert into kept (tenant, sequence, definition, channel, key, expires, event)
        select p_tenant, n.* from unnest(
            p_kept_sequence, p_kept_definition, p_kept_channel, p_kept_key, p_kept_expires, p_kept_event
        ) as n;
    end if;
    if cardinality(p_unheld) > 0 then
        delete from inbox where sequence = any (p_unheld);
        get diagnostics v_count = row_count;
        if v_count <> cardinality(p_unheld) then
            raise exception using errcode = 'EW001', message = 'another worker took a notice meanwhile';
        end if;
    end if;
    if cardinality(p_held_sequence) > 0 then
        insert into inbox (tenant, sequence, instance, kind, channel, cause)
        select p_tenant, n.* from unnest(
            p_held_sequence, p_held_instance, p_held_kind, p_held_channel, p_held_cause
        ) as n;
    end if;
    if cardinality(p_ended_instance) > 0 then
        for v_row in select * from unnest(p_ended_instance, p_ended_activation) as n (instance, activation) loop
            delete from calls
            where tenant = p_tenant and instance = v_row.instance and activation = v_row.activation;
        end loop;
    end if;
    if cardinality(p_call_instance) > 0 then
        insert into calls (tenant, session, instance, activation, call)
        select p_tenant, p_session, n.* from unnest(p_call_instance, p_call_activation, p_call_call) as n
        on conflict (tenant, instance, activation) do update set session = excluded.session, call = excluded.call;
    end if;
end
$$;

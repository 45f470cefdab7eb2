-- Realtime asks these policies once, when a client joins a private topic: it reads and writes a message of each
-- extension as that client, with realtime.topic() set, and rolls back. Broadcasts come from triggers alone; what
-- clients send is who is looking at the board. The table is the platform's, so nothing else about it is changed here.

create policy select_by_topic_members on realtime.messages for select to authenticated
using (
    extension in ('broadcast', 'presence')
    and (select private.may_join_topic((select realtime.topic())))
);

create policy insert_by_schedule_watchers on realtime.messages for insert to authenticated
with check (
    extension = 'presence'
    and (select realtime.topic()) like 'org:%:schedule'
    and (select private.may_join_topic((select realtime.topic())))
);

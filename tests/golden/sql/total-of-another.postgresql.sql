SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (SELECT sum(CASE WHEN CASE WHEN jsonb_typeof(events.properties -> %(param_1)s::VARCHAR) = 'number' THEN (events.properties -> %(param_1)s::VARCHAR)::numeric END BETWEEN -100000000000 AND 100000000000 THEN sign(CASE WHEN jsonb_typeof(events.properties -> %(param_1)s::VARCHAR) = 'number' THEN (events.properties -> %(param_1)s::VARCHAR)::numeric END) * trunc(abs(CASE WHEN jsonb_typeof(events.properties -> %(param_1)s::VARCHAR) = 'number' THEN (events.properties -> %(param_1)s::VARCHAR)::numeric END)::double precision * 10000.0::double precision + 0.5::double precision)::bigint END) AS anon_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= %(at_1)s::TIMESTAMP WITH TIME ZONE AND events.at > %(at_2)s::TIMESTAMP WITH TIME ZONE) >= %(param_2)s

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_2 = datetime.datetime(2026, 10, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- name_1 = ['Order Completed']
-- param_1 = 'revenue'
-- param_2 = Decimal('20000000')

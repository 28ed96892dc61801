SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (SELECT count(*) AS count_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= %(at_1)s::TIMESTAMP WITH TIME ZONE AND events.at >= %(at_2)s::TIMESTAMP WITH TIME ZONE AND events.at < %(at_3)s::TIMESTAMP WITH TIME ZONE AND CASE WHEN jsonb_typeof(events.properties -> %(param_1)s::VARCHAR) = 'number' THEN (events.properties -> %(param_1)s::VARCHAR)::numeric END >= %(param_2)s) >= %(param_3)s

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_2 = datetime.datetime(2026, 1, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_3 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- name_1 = ['Order Completed', 'Order Updated']
-- param_1 = 'total'
-- param_2 = Decimal('200')
-- param_3 = Decimal('2')

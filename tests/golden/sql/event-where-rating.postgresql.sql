SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT %(param_1)s::INTEGER AS anon_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= %(at_1)s::TIMESTAMP WITH TIME ZONE AND events.rating >= %(param_2)s AND (CASE WHEN jsonb_typeof(events.properties -> %(param_3)s::VARCHAR) = 'string' THEN (events.properties -> %(param_3)s::VARCHAR) #>> '{}' END = %(param_4)s::VARCHAR) IS NOT true))

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- name_1 = ['Review Submitted']
-- param_1 = 1
-- param_2 = Decimal('4')
-- param_3 = 'rating'
-- param_4 = 'x'

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT %(param_1)s::INTEGER AS anon_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= %(at_1)s::TIMESTAMP WITH TIME ZONE AND events.at > %(at_2)s::TIMESTAMP WITH TIME ZONE)) AND ((EXISTS (SELECT %(param_2)s::INTEGER AS anon_2
FROM facts
WHERE facts.contact_id = contacts.id AND facts.orders_count >= %(param_3)s)) OR (EXISTS (SELECT %(param_4)s::INTEGER AS anon_3
FROM memberships
WHERE memberships.contact_id = contacts.id AND memberships.segment = %(segment_1)s::VARCHAR AND memberships.entered_at <= %(entered_at_1)s::TIMESTAMP WITH TIME ZONE AND (memberships.left_at IS NULL OR memberships.left_at > %(left_at_1)s::TIMESTAMP WITH TIME ZONE)))) IS NOT true

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_2 = datetime.datetime(2026, 10, 31, 9, 0, tzinfo=datetime.timezone.utc)
-- entered_at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- left_at_1 = datetime.datetime(2026, 10, 31, 9, 0, tzinfo=datetime.timezone.utc)
-- name_1 = ['Product Viewed']
-- param_1 = 1
-- param_2 = 1
-- param_3 = Decimal('1')
-- param_4 = 1
-- segment_1 = 'stage:second'

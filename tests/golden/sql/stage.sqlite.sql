SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT ? AS anon_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= ? AND events.at > ?)) AND ((EXISTS (SELECT ? AS anon_2
FROM facts
WHERE facts.contact_id = contacts.id AND facts.orders_count >= ?)) OR (EXISTS (SELECT ? AS anon_3
FROM memberships
WHERE memberships.contact_id = contacts.id AND memberships.segment = ? AND memberships.entered_at <= ? AND (memberships.left_at IS NULL OR memberships.left_at > ?)))) IS NOT 1

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

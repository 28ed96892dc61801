SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND contacts.stage_since_at <= ? AND contacts.stage = ? AND ((EXISTS (SELECT ? AS anon_1
FROM facts
WHERE facts.contact_id = contacts.id AND facts.orders_count >= ?)) OR (EXISTS (SELECT ? AS anon_2
FROM memberships
WHERE memberships.contact_id = contacts.id AND memberships.segment = ? AND memberships.entered_at <= ? AND (memberships.left_at IS NULL OR memberships.left_at > ?))))

-- entered_at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- left_at_1 = datetime.datetime(2026, 10, 31, 9, 0, tzinfo=datetime.timezone.utc)
-- param_1 = 1
-- param_2 = Decimal('1')
-- param_3 = 1
-- segment_1 = 'stage:second'
-- stage_1 = 'second'
-- stage_since_at_1 = datetime.datetime(2026, 10, 31, 9, 0, tzinfo=datetime.timezone.utc)

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT ? AS anon_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= ? AND events.rating >= ? AND (CASE WHEN json_type(events.properties, '$."' || ? || '"') = 'text' THEN json_extract(events.properties, '$."' || ? || '"') END = ?) IS NOT 1))

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- name_1 = ['Review Submitted']
-- param_1 = 1
-- param_2 = Decimal('4')
-- param_3 = 'rating'
-- param_4 = 'x'

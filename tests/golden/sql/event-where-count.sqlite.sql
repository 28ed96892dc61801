SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (SELECT count(*) AS count_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= ? AND events.at >= ? AND events.at < ? AND CASE WHEN json_type(events.properties, '$."' || ? || '"') IN ('integer', 'real') THEN json_extract(events.properties, '$."' || ? || '"') END >= ?) >= ?

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_2 = datetime.datetime(2026, 1, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_3 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- name_1 = ['Order Completed', 'Order Updated']
-- param_1 = 'total'
-- param_2 = Decimal('200')
-- param_3 = Decimal('2')

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (SELECT CASE WHEN count(CASE WHEN CASE WHEN json_type(events.properties, '$."' || ? || '"') IN ('integer', 'real') THEN json_extract(events.properties, '$."' || ? || '"') END BETWEEN 0 AND 100000000000 THEN CAST(CASE WHEN json_type(events.properties, '$."' || ? || '"') IN ('integer', 'real') THEN json_extract(events.properties, '$."' || ? || '"') END * 10000.0 + 0.5 AS INTEGER) WHEN CASE WHEN json_type(events.properties, '$."' || ? || '"') IN ('integer', 'real') THEN json_extract(events.properties, '$."' || ? || '"') END BETWEEN -100000000000 AND 0 THEN -CAST(-(CASE WHEN json_type(events.properties, '$."' || ? || '"') IN ('integer', 'real') THEN json_extract(events.properties, '$."' || ? || '"') END) * 10000.0 + 0.5 AS INTEGER) END) > 0 THEN total(CASE WHEN CASE WHEN json_type(events.properties, '$."' || ? || '"') IN ('integer', 'real') THEN json_extract(events.properties, '$."' || ? || '"') END BETWEEN 0 AND 100000000000 THEN CAST(CASE WHEN json_type(events.properties, '$."' || ? || '"') IN ('integer', 'real') THEN json_extract(events.properties, '$."' || ? || '"') END * 10000.0 + 0.5 AS INTEGER) WHEN CASE WHEN json_type(events.properties, '$."' || ? || '"') IN ('integer', 'real') THEN json_extract(events.properties, '$."' || ? || '"') END BETWEEN -100000000000 AND 0 THEN -CAST(-(CASE WHEN json_type(events.properties, '$."' || ? || '"') IN ('integer', 'real') THEN json_extract(events.properties, '$."' || ? || '"') END) * 10000.0 + 0.5 AS INTEGER) END) END AS anon_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= ? AND events.at > ?) >= ?

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_2 = datetime.datetime(2026, 10, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- name_1 = ['Order Completed']
-- param_1 = 'revenue'
-- param_2 = Decimal('20000000')

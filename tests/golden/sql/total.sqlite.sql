SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (SELECT CASE WHEN count(events.worth) > 0 THEN total(events.worth) END AS anon_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= ? AND events.at > ?) >= ?

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_2 = datetime.datetime(2026, 10, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- name_1 = ['Order Completed']
-- param_1 = Decimal('20000000')

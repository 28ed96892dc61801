SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT ? AS anon_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= ? AND events.at > ?)) AND (coalesce((SELECT consents.granted
FROM consents
WHERE consents.contact_id = contacts.id AND consents.topic = ? AND consents.at <= ? ORDER BY consents.at DESC, consents.id DESC
 LIMIT ? OFFSET ?), ?) IS 1 OR (coalesce((SELECT consents.granted
FROM consents
WHERE consents.contact_id = contacts.id AND consents.topic = ? AND consents.at <= ? ORDER BY consents.at DESC, consents.id DESC
 LIMIT ? OFFSET ?), ?) IS 1) IS NOT 1)

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_2 = datetime.datetime(2026, 10, 31, 9, 0, tzinfo=datetime.timezone.utc)
-- at_3 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_4 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- coalesce_1 = False
-- coalesce_2 = True
-- name_1 = ['Product Viewed']
-- param_1 = 1
-- param_2 = 1
-- param_3 = 0
-- param_4 = 1
-- param_5 = 0
-- topic_1 = 'offers'
-- topic_2 = 'news'

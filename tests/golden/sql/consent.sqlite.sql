SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND coalesce((SELECT consents.granted
FROM consents
WHERE consents.contact_id = contacts.id AND consents.topic = ? AND consents.at <= ? ORDER BY consents.at DESC, consents.id DESC
 LIMIT ? OFFSET ?), ?) IS 1

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- coalesce_1 = False
-- param_1 = 1
-- param_2 = 0
-- topic_1 = 'offers'

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND coalesce((SELECT consents.granted
FROM consents
WHERE consents.contact_id = contacts.id AND consents.topic = %(topic_1)s::VARCHAR AND consents.at <= %(at_1)s::TIMESTAMP WITH TIME ZONE ORDER BY consents.at DESC, consents.id DESC
 LIMIT %(param_1)s::INTEGER), %(coalesce_1)s) IS true

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- coalesce_1 = False
-- param_1 = 1
-- topic_1 = 'offers'

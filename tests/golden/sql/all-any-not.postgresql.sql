SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT %(param_1)s::INTEGER AS anon_1
FROM events
WHERE events.contact_id = contacts.id AND events.name IN (__[POSTCOMPILE_name_1]) AND events.at <= %(at_1)s::TIMESTAMP WITH TIME ZONE AND events.at > %(at_2)s::TIMESTAMP WITH TIME ZONE)) AND (coalesce((SELECT consents.granted
FROM consents
WHERE consents.contact_id = contacts.id AND consents.topic = %(topic_1)s::VARCHAR AND consents.at <= %(at_3)s::TIMESTAMP WITH TIME ZONE ORDER BY consents.at DESC, consents.id DESC
 LIMIT %(param_2)s::INTEGER), %(coalesce_1)s) IS true OR (coalesce((SELECT consents.granted
FROM consents
WHERE consents.contact_id = contacts.id AND consents.topic = %(topic_2)s::VARCHAR AND consents.at <= %(at_4)s::TIMESTAMP WITH TIME ZONE ORDER BY consents.at DESC, consents.id DESC
 LIMIT %(param_3)s::INTEGER), %(coalesce_2)s) IS true) IS NOT true)

-- at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_2 = datetime.datetime(2026, 10, 31, 9, 0, tzinfo=datetime.timezone.utc)
-- at_3 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- at_4 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- coalesce_1 = False
-- coalesce_2 = True
-- name_1 = ['Product Viewed']
-- param_1 = 1
-- param_2 = 1
-- param_3 = 1
-- topic_1 = 'offers'
-- topic_2 = 'news'

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (strpos(CASE WHEN jsonb_typeof(contacts.attributes -> %(param_1)s::VARCHAR) = 'string' THEN (contacts.attributes -> %(param_1)s::VARCHAR) #>> '{}' END, %(param_2)s::VARCHAR) > %(param_3)s::BIGINT OR (jsonb_typeof(contacts.attributes -> %(param_1)s::VARCHAR) = 'array' AND (contacts.attributes -> %(param_1)s::VARCHAR) @> %(param_4)s::JSONB))

-- param_1 = 'size'
-- param_2 = '42'
-- param_3 = 0
-- param_4 = '42'

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND substr(CASE WHEN jsonb_typeof(contacts.attributes -> %(param_1)s::VARCHAR) = 'string' THEN (contacts.attributes -> %(param_1)s::VARCHAR) #>> '{}' END, %(substr_1)s::INTEGER, %(substr_2)s::INTEGER) = %(substr_3)s::VARCHAR

-- param_1 = 'size'
-- substr_1 = 1
-- substr_2 = 2
-- substr_3 = 'EU'

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND length(CASE WHEN jsonb_typeof(contacts.attributes -> %(param_1)s::VARCHAR) = 'string' THEN (contacts.attributes -> %(param_1)s::VARCHAR) #>> '{}' END) >= %(length_1)s::INTEGER AND substr(CASE WHEN jsonb_typeof(contacts.attributes -> %(param_1)s::VARCHAR) = 'string' THEN (contacts.attributes -> %(param_1)s::VARCHAR) #>> '{}' END, length(CASE WHEN jsonb_typeof(contacts.attributes -> %(param_1)s::VARCHAR) = 'string' THEN (contacts.attributes -> %(param_1)s::VARCHAR) #>> '{}' END) - %(length_2)s::INTEGER) = %(substr_1)s::VARCHAR

-- length_1 = 2
-- length_2 = 1
-- param_1 = 'size'
-- substr_1 = '42'

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (CASE WHEN jsonb_typeof(contacts.attributes -> %(param_1)s::VARCHAR) = 'string' THEN (contacts.attributes -> %(param_1)s::VARCHAR) #>> '{}' END = %(param_2)s::VARCHAR) IS NOT true

-- param_1 = 'size'
-- param_2 = 'EU 42'

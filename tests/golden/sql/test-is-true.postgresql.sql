SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND CASE WHEN jsonb_typeof(contacts.attributes -> %(param_1)s::VARCHAR) = 'boolean' THEN (contacts.attributes -> %(param_1)s::VARCHAR)::boolean END IS true

-- param_1 = 'size'

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (jsonb_typeof(contacts.attributes -> %(param_1)s::VARCHAR) <> 'null') IS NOT true

-- param_1 = 'size'

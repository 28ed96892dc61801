SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND CASE WHEN jsonb_typeof(contacts.attributes -> %(param_1)s::VARCHAR) = 'number' THEN (contacts.attributes -> %(param_1)s::VARCHAR)::numeric END <= %(param_2)s

-- param_1 = 'size'
-- param_2 = Decimal('42')

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (json_type(contacts.attributes, '$."' || ? || '"') <> 'null') IS NOT 1

-- param_1 = 'size'

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND CASE json_type(contacts.attributes, '$."' || ? || '"') WHEN 'true' THEN 1 WHEN 'false' THEN 0 END IS 1

-- param_1 = 'size'

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND CASE WHEN json_type(contacts.attributes, '$."' || ? || '"') IN ('integer', 'real') THEN json_extract(contacts.attributes, '$."' || ? || '"') END < ?

-- param_1 = 'size'
-- param_2 = Decimal('42')

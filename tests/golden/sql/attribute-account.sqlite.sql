SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT ? AS anon_1
FROM accounts
WHERE accounts.id = contacts.account_id AND CASE WHEN json_type(accounts.attributes, '$."' || ? || '"."' || ? || '"') = 'text' THEN json_extract(accounts.attributes, '$."' || ? || '"."' || ? || '"') END = ?))

-- param_1 = 1
-- param_2 = 'plan'
-- param_3 = 'name'
-- param_4 = 'pro'

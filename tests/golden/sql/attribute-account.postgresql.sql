SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT %(param_1)s::INTEGER AS anon_1
FROM accounts
WHERE accounts.id = contacts.account_id AND CASE WHEN jsonb_typeof(accounts.attributes -> %(param_2)s::VARCHAR -> %(param_3)s::VARCHAR) = 'string' THEN (accounts.attributes -> %(param_2)s::VARCHAR -> %(param_3)s::VARCHAR) #>> '{}' END = %(param_4)s::VARCHAR))

-- param_1 = 1
-- param_2 = 'plan'
-- param_3 = 'name'
-- param_4 = 'pro'

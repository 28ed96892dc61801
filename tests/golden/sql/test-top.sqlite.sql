SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND 1 = 1 AND contacts.id IN (SELECT facts.contact_id
FROM facts
WHERE facts.orders_total IS NOT NULL AND (facts.contact_id NOT IN (SELECT gone.id
FROM contacts AS gone
WHERE gone.merged_into IS NOT NULL OR gone.erased_at IS NOT NULL)) ORDER BY facts.orders_total DESC, facts.contact_id
 LIMIT (SELECT (count(*) * ? + ?) / ? AS anon_1
FROM facts
WHERE facts.orders_total IS NOT NULL AND (facts.contact_id NOT IN (SELECT gone.id
FROM contacts AS gone
WHERE gone.merged_into IS NOT NULL OR gone.erased_at IS NOT NULL))) OFFSET ?)

-- count_1 = 1
-- param_1 = 9
-- param_2 = 10
-- param_3 = 0

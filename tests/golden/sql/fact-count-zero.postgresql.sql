SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND NOT (EXISTS (SELECT %(param_1)s::INTEGER AS anon_1
FROM facts
WHERE facts.contact_id = contacts.id AND (facts.orders_count <= %(param_2)s) IS NOT true))

-- param_1 = 1
-- param_2 = Decimal('1')

SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT %(param_1)s::INTEGER AS anon_1
FROM facts
WHERE facts.contact_id = contacts.id AND facts.orders_last_at <= %(param_2)s::TIMESTAMP WITH TIME ZONE))

-- param_1 = 1
-- param_2 = datetime.datetime(2026, 8, 3, 9, 0, tzinfo=datetime.timezone.utc)

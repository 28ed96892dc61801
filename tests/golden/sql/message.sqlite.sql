SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT ? AS anon_1
FROM messages
WHERE messages.contact_id = contacts.id AND messages.state IN (__[POSTCOMPILE_state_1]) AND messages.opened_at <= ? AND messages.opened_at > ? AND messages.campaign = ? AND messages.step = ?))

-- campaign_1 = 'welcome'
-- opened_at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- opened_at_2 = datetime.datetime(2026, 10, 31, 9, 0, tzinfo=datetime.timezone.utc)
-- param_1 = 1
-- state_1 = ['sending', 'sent', 'delivered', 'bounced', 'unknown']
-- step_1 = 'hello'

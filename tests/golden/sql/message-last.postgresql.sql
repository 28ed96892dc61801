SELECT contacts.id
FROM contacts
WHERE contacts.merged_into IS NULL AND contacts.erased_at IS NULL AND (EXISTS (SELECT %(param_1)s::INTEGER AS anon_1
FROM messages
WHERE messages.contact_id = contacts.id AND messages.state IN (__[POSTCOMPILE_state_1]) AND messages.clicked_at <= %(clicked_at_1)s::TIMESTAMP WITH TIME ZONE AND messages.id IN (SELECT recent.id
FROM messages AS recent
WHERE recent.contact_id = contacts.id AND recent.state IN (__[POSTCOMPILE_state_2]) AND recent.sent_at <= %(sent_at_1)s::TIMESTAMP WITH TIME ZONE ORDER BY recent.sent_at DESC, coalesce(recent.sending_at, recent.sent_at) DESC, recent.id DESC
 LIMIT %(param_2)s::INTEGER)))

-- clicked_at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- param_1 = 1
-- param_2 = 10
-- sent_at_1 = datetime.datetime(2026, 11, 1, 9, 0, tzinfo=datetime.timezone.utc)
-- state_1 = ['sending', 'sent', 'delivered', 'bounced', 'unknown']
-- state_2 = ['sending', 'sent', 'delivered', 'bounced', 'unknown']

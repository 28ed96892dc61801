"""The sample shop, lived: made-up shoppers with habits, a mailbox that opens and clicks, months in a minute."""

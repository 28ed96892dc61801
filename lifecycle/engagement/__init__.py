"""What came back of a mail: opens, clicks, unsubscribes, preferences; who did it, a person or a machine."""

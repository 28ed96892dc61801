"""One file a provider: how it sends, and how its answers become the one vocabulary of `base`."""

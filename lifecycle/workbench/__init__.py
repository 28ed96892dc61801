"""The page of `lifecycle preview`: every mail in every language, for every sample, made again when a file is saved."""

"""The policy file: read whole with every error at once, judged for what is unwise, explained and documented."""

"""All that knows one product: what it says, how it is configured, how it is asked."""

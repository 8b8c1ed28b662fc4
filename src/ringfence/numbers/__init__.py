"""Dialled strings to E.164, and what is known of a number: region, type, price, risk."""

"""For users and ourselves: scripted SIP peers, a guard started for a test, and the calls of `make try`."""

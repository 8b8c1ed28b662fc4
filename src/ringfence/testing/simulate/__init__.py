"""A simulator of telephone traffic: honest customers of several kinds, and labelled fraud mixed into it.

    parameters ─► kinds ─► customer ─► honest day ──────┐
                                    └► hard negatives ──┼─► stream (by end, ids) ─► CDR files, labels
    parameters ─► attacks ─────────────► campaigns ─────┘                         └► live SIP calls

- Every figure is in `data/parameters.toml` with its source; what nobody publishes is marked as assumed there.
- Deterministic: each customer, and in it each part (people, honest days, each campaign), draws from a generator of its
  own, seeded by the seed and its name. So a campaign that is added changes no other call.
- Streaming: one customer's day is in memory, and calls that aren't over yet.
- No two campaigns share draws, so that a benchmark may be split by customer and by campaign, never by row.
"""

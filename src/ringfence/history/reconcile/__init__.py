"""The carrier's bill against the ledger: what is billed and was never seen here, what differs, what isn't billed.

bill      rows of the carrier's CSV or Parquet, whatever its columns are called
seen      the calls that the guard decided, out of its ledger
match     both in order of time, call by call
result    what it comes to
"""

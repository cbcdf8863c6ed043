"""The rules of the Runtime's embedded broker, without I/O (PROTOCOL section 4).

Groups with a cursor a channel (`cursor`), leases and attempts (`group`), backoff (`backoff`), dead letters
(`deadletters`), limits and retention (`rules`). Time and jitter come in as arguments.
"""

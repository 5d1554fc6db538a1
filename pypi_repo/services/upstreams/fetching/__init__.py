"""Fetches from upstreams: in threads of its own, once for all who wait for the same."""

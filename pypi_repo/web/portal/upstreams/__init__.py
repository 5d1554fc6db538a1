"""Pages about what comes from elsewhere: upstreams, sources, and the rules for both."""

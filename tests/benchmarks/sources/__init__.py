"""What comes through a repository from an upstream: nginx with static pages, on this machine."""

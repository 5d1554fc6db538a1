"""What people configure of upstreams and of the sources of repositories."""

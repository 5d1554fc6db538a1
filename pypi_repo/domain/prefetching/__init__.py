"""Which files a project needs, by its list of requirements or its lock file."""

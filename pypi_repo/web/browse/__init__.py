"""The pages of a repository, for people who install and publish."""

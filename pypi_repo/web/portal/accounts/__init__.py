"""The pages about users and administrators."""

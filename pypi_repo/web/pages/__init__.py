"""What all apps with pages for people share."""

"""What can be imported from: folders and other indexes."""

"""The server of `serve`: it streams bodies to the application, and bears slow clients."""

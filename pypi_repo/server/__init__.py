"""waitress, made to hand bodies to the application while they arrive, and to bear slow clients."""

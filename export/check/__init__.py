"""What an artifact is held against: golden vectors, and the true derivatives that eps is fitted to."""

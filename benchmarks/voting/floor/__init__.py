"""The floor: a bare Django that stores a vote and gives a random next pair in one request."""

"""The pages: each view checks, asks models or one service, and renders."""

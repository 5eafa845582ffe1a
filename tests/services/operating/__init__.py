"""What operators ask of the site."""

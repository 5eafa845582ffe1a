"""How many votes a second the site takes, and what each costs: see `__main__`."""

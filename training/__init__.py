"""Training runs that a JSON file describes: `python -m training run.json`.

The package knows nothing of the web application; a run reads a config and JSONL, and writes
JSONL metrics and a checkpoint folder. Importing it loads no torch.
"""

"""Files in, typed rows out, and rows to files. Imports no Django; see docs/formats.md."""

from annotate.formats.canonical import completion_columns, prompt_columns, vote_columns
from annotate.formats.errors import FormatError
from annotate.formats.gold import read_gold
from annotate.formats.guess import FileKind, guess_format
from annotate.formats.readers import (
    COMPLETION_FILE_FORMATS,
    PROMPT_FILE_FORMATS,
    VOTE_FILE_FORMATS,
    read_completions,
    read_prompts,
    read_votes,
)
from annotate.formats.rows import (
    ANNOTATOR_KINDS,
    OUTCOMES,
    SIDES,
    CandidateRow,
    CompletionRow,
    GoldRow,
    Location,
    MarkRow,
    PromptRow,
    VoteRow,
)
from annotate.formats.writers import WrittenFile, write_rows

__all__ = [
    "ANNOTATOR_KINDS",
    "COMPLETION_FILE_FORMATS",
    "OUTCOMES",
    "PROMPT_FILE_FORMATS",
    "SIDES",
    "VOTE_FILE_FORMATS",
    "CandidateRow",
    "CompletionRow",
    "FileKind",
    "FormatError",
    "GoldRow",
    "Location",
    "MarkRow",
    "PromptRow",
    "VoteRow",
    "WrittenFile",
    "completion_columns",
    "guess_format",
    "prompt_columns",
    "read_completions",
    "read_gold",
    "read_prompts",
    "read_votes",
    "vote_columns",
    "write_rows",
]

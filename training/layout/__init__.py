"""Pairs in packed rows: each prompt is read once for both replies, and little is padded.

A row holds several documents, a document is a pair: its prompt, the chosen reply, the rejected one.
A token attends to its own document's prompt and to its own reply, and positions go on from the
prompt's end in both replies, so that every number is the one that two separate rows would give
(prefix sharing: arXiv 2410.20305).
"""

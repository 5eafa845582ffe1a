"""The API for programs, at /api/v1/: one module a subject, each with a router."""

"""A Django database backend that brings its own PostgreSQL, for machines that have none.

It is PostgreSQL in every respect; only the server is started on the first connection, under the
folder that `OPTIONS["pgdata"]` names, and stopped when the last process that uses it ends.
"""
